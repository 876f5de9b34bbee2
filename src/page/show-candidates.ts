/** Candidates as columns of bars, one column for each mask, and each candidate a button that puts it into the text. */
import type { MaskedText } from '../tokenizer/masks.ts';
import type { Candidate } from './parse-response.ts';
import { make } from './elements.ts';
import { percent, replacementIn, visible } from './filling.ts';
import type { Answer, Choose } from './result-view.ts';

/** @param lists a list for each mask */
export function showCandidates(masked: MaskedText, lists: readonly (readonly Candidate[])[], choose: Choose): Answer {
  const buttons: { mask: number; word: string; button: HTMLButtonElement }[] = [];
  const columns = lists.map((candidates, mask) => {
    const best = Math.max(...candidates.map(({ score }) => score));
    const items = candidates.map((candidate) => {
      const word = replacementIn(candidate.sequence, masked, mask) ?? candidate.token_str;
      const button = bar(visible(candidate.token_str), candidate.score, best);
      if (candidate.pieces > 1) {
        button.querySelector('.word')?.after(' ', make('span', { class: 'pieces' }, `${candidate.pieces} pieces`));
      }
      button.addEventListener('click', () => {
        // A second click puts the mask back.
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
      ...share(candidates),
    );
  });
  return {
    element: make('div', { class: 'columns' }, ...columns),
    summary: `Best first: ${lists.map((list) => (list[0] ? visible(list[0].token_str) : 'nothing')).join(', ')}.`,
    follow(choices, isStale) {
      for (const { mask, word, button } of buttons) {
        button.setAttribute('aria-pressed', String(choices?.[mask] === word));
        button.disabled = isStale;
      }
    },
  };
}

/** How much of the vocabulary is listed. A word of several pieces is none of its entries. */
function share(candidates: readonly Candidate[]): HTMLElement[] {
  if (candidates.length === 0 || candidates.some(({ pieces }) => pieces > 1)) return [];
  const sum = candidates.reduce((all, { score }) => all + score, 0);
  const rest = percent(Math.max(0, 1 - sum));
  return [make('p', { class: 'rest' }, `Together ${percent(sum)}; all other words ${rest}`)];
}

/** A bar is as long as its share of the best; the percentage beside it says how likely the word is. */
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
