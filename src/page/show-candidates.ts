/** Shows candidates as bars, in one column per gap. Each candidate is a button that fills it in. */
import type { Answer, Asked, Choose, Source } from './answer.ts';
import { besideEachOther, summarize } from './beside-each-other.ts';
import type { Candidate } from './parse-response.ts';
import { make } from './elements.ts';
import { displayWord, fillMask, percent, replacementIn } from './filling.ts';

/**
 * @param asked the text as a person typed it and as it was sent
 * @param sources of each model: (masks,) of candidates
 */
export function showCandidates(
  asked: Asked,
  sources: readonly Source<readonly (readonly Candidate[])[]>[],
  choose: Choose,
): Answer {
  const columns = asked.sent.masks.map((_, mask) => {
    const id = `mask-${mask + 1}`;
    return make(
      'div',
      { class: 'column' },
      make(
        'h3',
        { id },
        make('span', { class: 'number', 'aria-hidden': 'true' }, String(mask + 1)),
        ` Gap ${mask + 1}`,
      ),
      ...besideEachOther(sources, id, (lists, label) => showList(asked, mask, lists[mask] ?? [], label, choose)),
    );
  });
  const [first] = sources;
  return {
    element: make('div', { class: 'columns' }, ...columns),
    summary: summarize(sources, (lists) =>
      bestOf(lists)
        .map((word, i) => `Gap ${i + 1}: ${word ?? 'nothing'}.`)
        .join(' '),
    ),
    best: first && typeof first.answer !== 'string' ? bestOf(first.answer) : [],
  };
}

const bestOf = (lists: readonly (readonly Candidate[])[]): readonly (string | undefined)[] =>
  lists.map(([first]) => first && displayWord(first.token_str));

function showList(
  { typed, sent }: Asked,
  mask: number,
  candidates: readonly Candidate[],
  label: string,
  choose: Choose,
): HTMLElement[] {
  const best = Math.max(...candidates.map(({ score }) => score));
  const items = candidates.map((candidate) => {
    const { token_str, score, pieces, sequence, target } = candidate;
    const replacement = replacementIn(sequence, sent, mask) ?? { word: token_str, joins: false };
    const button = candidateButton(wordOrPiece(token_str), score, best);
    // A model without upper case answers to "Paris" with "paris".
    if (target !== undefined && target !== token_str) button.title = `asked for as “${target}”`;
    if (pieces > 1) button.querySelector('.word')?.after(' ', make('span', { class: 'pieces' }, `${pieces} pieces`));
    button.addEventListener('click', () => {
      choose(fillMask(typed, mask, replacement), `Gap ${mask + 1} filled with “${displayWord(replacement.word)}”.`);
    });
    return make('li', {}, button);
  });
  return [make('ol', { class: 'bars', 'aria-labelledby': label }, ...items), ...coverage(candidates)];
}

/** A piece that continues a word looks like one: without the `##` of its vocabulary, and marked as joined. */
function wordOrPiece(token: string): string | Node {
  if (!/^##./.test(token)) return displayWord(token);
  return make('span', { class: 'piece', title: 'a piece that continues the word before it' }, `‑${token.slice(2)}`);
}

/** The total probability of the list. A word of several pieces is not an entry of the vocabulary, so it has none. */
function coverage(candidates: readonly Candidate[]): HTMLElement[] {
  if (candidates.length === 0 || candidates.some(({ pieces }) => pieces > 1)) return [];
  const sum = candidates.reduce((all, { score }) => all + score, 0);
  const rest = percent(Math.max(0, 1 - sum));
  return [make('p', { class: 'rest' }, `Together ${percent(sum)}; all other words ${rest}`)];
}

/** A bar has two lengths: its share of 100% and, when the list is shown that way, its share of the best. */
export function candidateButton(label: string | Node, score: number, best: number): HTMLButtonElement {
  return make(
    'button',
    { type: 'button', class: 'candidate' },
    track(score, best),
    make('span', { class: 'word' }, make('bdi', {}, label)),
    ' ',
    make('span', { class: 'percent' }, percent(score)),
  );
}

export function track(score: number, best: number): HTMLSpanElement {
  const fill = make('span', { class: 'fill' });
  fill.style.setProperty('--share', String(score));
  fill.style.setProperty('--relative', String(best > 0 ? score / best : 0));
  return make('span', { class: 'track', 'aria-hidden': 'true' }, fill);
}
