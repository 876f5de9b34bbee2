/** Shows combinations of words, one per row. A click fills all gaps. */
import type { MaskedText } from '../tokenizer/masks.ts';
import type { Answer, Choose, Source } from './answer.ts';
import { besideEachOther, summarize } from './beside-each-other.ts';
import type { Combination } from './parse-response.ts';
import { make } from './elements.ts';
import { displayWord, fillMasks } from './filling.ts';
import { candidateButton } from './show-candidates.ts';

/**
 * @param masked the text as it was sent
 * @param sources of each model: combinations, best first
 */
export function showCombinations(
  masked: MaskedText,
  sources: readonly Source<readonly Combination[]>[],
  choose: Choose,
): Answer {
  const [first] = sources;
  return {
    element: make(
      'div',
      { class: 'column' },
      make('h3', { id: 'together' }, 'All gaps together'),
      ...besideEachOther(sources, 'together', (combinations, label) => [showRows(masked, combinations, label, choose)]),
    ),
    summary: summarize(sources, (combinations) => `Best: ${bestOf(combinations)?.join(', ') ?? 'nothing'}.`),
    best: (first && typeof first.answer !== 'string' && bestOf(first.answer)) || [],
  };
}

const bestOf = ([first]: readonly Combination[]): readonly string[] | undefined => first?.words.map(displayWord);

function showRows(
  masked: MaskedText,
  combinations: readonly Combination[],
  label: string,
  choose: Choose,
): HTMLOListElement {
  const best = Math.max(...combinations.map(({ score }) => score));
  const rows = combinations.map((combination) => {
    // All gaps are filled in it, so it is the text as it was typed in all other places.
    const { words, sequence } = combination;
    const button = candidateButton(sentence(masked, combination), combination.score, best);
    button.addEventListener('click', () => choose(sequence, `Filled with ${words.map(displayWord).join(', ')}.`));
    return make('li', {}, button);
  });
  return make('ol', { class: 'bars rows', 'aria-labelledby': label }, ...rows);
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
