/** Shows candidates as bars, in one column per mask. Each candidate is a button that fills it in. */
import type { MaskedText } from '../tokenizer/masks.ts';
import type { Candidate } from './parse-response.ts';
import { make } from './elements.ts';
import { percent, replacementIn, displayWord } from './filling.ts';
import type { Answer, Choose } from './result-view.ts';

/** @param lists (masks,) of candidates */
export function showCandidates(masked: MaskedText, lists: readonly (readonly Candidate[])[], choose: Choose): Answer {
  const buttons: { mask: number; word: string; button: HTMLButtonElement }[] = [];
  const columns = lists.map((candidates, mask) => {
    const best = Math.max(...candidates.map(({ score }) => score));
    const items = candidates.map((candidate) => {
      const word = replacementIn(candidate.sequence, masked, mask) ?? candidate.token_str;
      const button = bar(displayWord(candidate.token_str), candidate.score, best);
      if (candidate.pieces > 1) {
        button.querySelector('.word')?.after(' ', make('span', { class: 'pieces' }, `${candidate.pieces} pieces`));
      }
      button.addEventListener('click', () => {
        // A second click restores the mask.
        choose(mask, button.getAttribute('aria-pressed') === 'true' ? undefined : word);
      });
      buttons.push({ mask, word, button });
      return make('li', {}, button);
    });
    const id = `mask-${mask + 1}`;
    return make(
      'div',
      { class: 'column' },
      make('h3', { id }, lists.length > 1 ? `Mask ${mask + 1}` : 'The mask'),
      make('ol', { class: 'bars', 'aria-labelledby': id }, ...items),
      ...coverage(candidates),
    );
  });
  return {
    element: make('div', { class: 'columns' }, ...columns),
    summary: `Best first: ${lists.map((list) => (list[0] ? displayWord(list[0].token_str) : 'nothing')).join(', ')}.`,
    update(choices, isStale) {
      for (const { mask, word, button } of buttons) {
        button.setAttribute('aria-pressed', String(choices?.[mask] === word));
        button.disabled = isStale;
      }
    },
  };
}

/** The total probability of the list. A word of several pieces is not an entry of the vocabulary, so it has none. */
function coverage(candidates: readonly Candidate[]): HTMLElement[] {
  if (candidates.length === 0 || candidates.some(({ pieces }) => pieces > 1)) return [];
  const sum = candidates.reduce((all, { score }) => all + score, 0);
  const rest = percent(Math.max(0, 1 - sum));
  return [make('p', { class: 'rest' }, `Together ${percent(sum)}; all other words ${rest}`)];
}

/** A bar is relative to the best candidate; the percentage is the probability. */
export function bar(label: string | Node, score: number, best: number): HTMLButtonElement {
  const fill = make('span', { class: 'fill' });
  fill.style.inlineSize = `${best > 0 ? Math.max(1, (score / best) * 100) : 0}%`;
  return make(
    'button',
    { type: 'button', class: 'candidate', 'aria-pressed': 'false' },
    make('span', { class: 'track', 'aria-hidden': 'true' }, fill),
    make('span', { class: 'word' }, make('bdi', {}, label)),
    ' ',
    make('span', { class: 'percent' }, percent(score)),
  );
}
