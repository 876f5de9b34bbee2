/** Shows combinations of words, one per row. A click fills all gaps. */
import type { MaskedText } from '../tokenizer/masks.ts';
import type { Answer, Choose } from './answer.ts';
import type { Combination } from './parse-response.ts';
import { make } from './elements.ts';
import { displayWord, fillMasks } from './filling.ts';
import { candidateButton } from './show-candidates.ts';

/** @param masked the text as it was sent */
export function showCombinations(masked: MaskedText, combinations: readonly Combination[], choose: Choose): Answer {
  const best = Math.max(...combinations.map(({ score }) => score));
  const rows = combinations.map((combination) => {
    // All gaps are filled in it, so it is the text as it was typed in all other places.
    const { words, sequence } = combination;
    const button = candidateButton(sentence(masked, combination), combination.score, best);
    button.addEventListener('click', () => choose(sequence, `Filled with ${words.map(displayWord).join(', ')}.`));
    return make('li', {}, button);
  });
  const first = combinations[0]?.words.map(displayWord);
  return {
    element: make(
      'div',
      { class: 'column' },
      make('h3', { id: 'together' }, 'All gaps together'),
      make('ol', { class: 'bars rows', 'aria-labelledby': 'together' }, ...rows),
    ),
    summary: `Best: ${first?.join(', ') ?? 'nothing'}.`,
    best: first ?? [],
  };
}

/** The filled text with its words in bold. If they cannot be located, the words come before the text. */
function sentence(masked: MaskedText, { words, sequence }: Combination): Node {
  const node = document.createDocumentFragment();
  if (fillMasks(masked, words) === sequence) {
    let from = 0;
    for (const [i, { start, end }] of masked.masks.entries()) {
      node.append(masked.text.slice(from, start), make('strong', {}, words[i] ?? ''));
      from = end;
    }
    node.append(masked.text.slice(from));
  } else {
    node.append(make('strong', {}, words.map(displayWord).join(', ')), `: ${sequence}`);
  }
  return node;
}
