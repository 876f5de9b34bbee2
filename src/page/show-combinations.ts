/** Shows combinations of words, one per row. A click fills all masks. */
import type { MaskedText } from '../tokenizer/masks.ts';
import type { Combination } from './parse-response.ts';
import { make } from './elements.ts';
import { fillMasks, displayWord } from './filling.ts';
import { bar } from './show-candidates.ts';
import type { Answer, ChooseAll } from './result-view.ts';

export function showCombinations(masked: MaskedText, combinations: readonly Combination[], choose: ChooseAll): Answer {
  const best = Math.max(...combinations.map(({ score }) => score));
  const rows = combinations.map(({ words, sequence, score }) => {
    const button = bar(sentence(masked, words, sequence), score, best);
    button.addEventListener('click', () => {
      choose(button.getAttribute('aria-pressed') === 'true' ? masked.text : sequence, words);
    });
    return { sequence, button };
  });
  return {
    element: make(
      'div',
      { class: 'column' },
      make('h3', { id: 'together' }, 'All masks together'),
      make(
        'ol',
        { class: 'bars rows', 'aria-labelledby': 'together' },
        ...rows.map(({ button }) => make('li', {}, button)),
      ),
    ),
    summary: `Best: ${combinations[0]?.words.map(displayWord).join(', ') ?? 'nothing'}.`,
    update(_, isStale, text) {
      for (const { sequence, button } of rows) {
        button.setAttribute('aria-pressed', String(sequence === text));
        button.disabled = isStale;
      }
    },
  };
}

/** The filled text with its words in bold. If they cannot be located, the words come before the text. */
function sentence(masked: MaskedText, words: readonly string[], sequence: string): Node {
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
