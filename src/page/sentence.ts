/** The sentence as words to hide and numbered gaps, each gap with its best candidate. Arrow keys move between them. */
import type { MaskedText } from '../tokenizer/masks.ts';
import { byId, make } from './elements.ts';
import { splitWords } from './gaps.ts';

/** Characters. A longer text is not shown as words: the model would not take it. */
const MAX_LENGTH = 3000;

const container = byId('sentence', HTMLDivElement);
const buttonsIn = () => Array.from(container.querySelectorAll('button'));

/** @param best (masks,) the best candidate of each gap, undefined while it is unknown */
export function showSentence(masked: MaskedText, best: readonly (string | undefined)[]): void {
  const buttons = buttonsIn();
  const hadFocus = buttons.findIndex((button) => button === document.activeElement);
  const stop = Math.max(
    0,
    buttons.findIndex(({ tabIndex }) => tabIndex === 0),
  );
  container.replaceChildren(...render(masked, best));
  const now = buttonsIn();
  for (const [i, button] of now.entries()) button.tabIndex = i === Math.min(stop, now.length - 1) ? 0 : -1;
  if (hadFocus >= 0) (now[hadFocus] ?? now.at(-1) ?? byId('text', HTMLTextAreaElement)).focus({ preventScroll: true });
}

function render(masked: MaskedText, best: readonly (string | undefined)[]): (Node | string)[] {
  const { text } = masked;
  if (text.trim() === '') return [make('span', { class: 'empty' }, 'Type a sentence below.')];
  if (text.length > MAX_LENGTH) return [make('span', { class: 'empty' }, 'This text is too long to show it as words.')];
  let gap = 0;
  return splitWords(masked).map(({ kind, start, end }) => {
    const part = text.slice(start, end);
    if (kind === 'other') return part;
    if (kind === 'word') return make('button', { type: 'button', class: 'word', 'data-start': String(start) }, part);
    const word = best[gap];
    gap++;
    return make(
      'button',
      { type: 'button', class: 'gap', 'data-gap': String(gap - 1) },
      make('span', { class: 'number' }, make('span', { class: 'unseen' }, 'Gap '), String(gap)),
      ' ',
      make('bdi', { class: word === undefined ? 'best unknown' : 'best' }, word ?? '…'),
    );
  });
}

/**
 * @param onWord called with the start and the end of a word to hide
 * @param onGap called with the index of a gap
 */
export function bindSentence(onWord: (start: number, end: number) => void, onGap: (index: number) => void): void {
  container.addEventListener('click', ({ target }) => {
    const button = target instanceof Element ? target.closest('button') : null;
    if (!button) return;
    const { start, gap } = button.dataset;
    if (gap !== undefined) onGap(Number(gap));
    if (start === undefined) return;
    const at = buttonsIn().indexOf(button);
    onWord(Number(start), Number(start) + button.textContent.length);
    // The sentence has been rendered again: its gap stands in place of the word.
    buttonsIn()[at]?.focus({ preventScroll: true });
  });
  container.addEventListener('keydown', (event) => {
    const buttons = buttonsIn();
    const at = buttons.findIndex((button) => button === document.activeElement);
    const step = getComputedStyle(container).direction === 'rtl' ? -1 : 1;
    const to = { ArrowRight: at + step, ArrowLeft: at - step, Home: 0, End: buttons.length - 1 }[event.key];
    const target = to === undefined ? undefined : buttons[Math.min(Math.max(to, 0), buttons.length - 1)];
    if (!target || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    for (const button of buttons) button.tabIndex = button === target ? 0 : -1;
    target.focus();
  });
}
