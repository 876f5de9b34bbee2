/** Asks the sentence head of the model about two texts: `/sentence-order` (ALBERT) or `/next-sentence` (BERT). */
import { byId, make } from './elements.ts';
import { percent } from './filling.ts';
import { type Label, parseLabels } from './parse-response.ts';
import { track } from './show-candidates.ts';
import { bindTool } from './tool.ts';

const first = byId('text-a', HTMLInputElement);
const second = byId('text-b', HTMLInputElement);

const NAMES: Readonly<Record<Label['label'], string>> = {
  in_order: 'in this order',
  swapped: 'swapped',
  is_next: 'the second follows the first',
  not_next: 'the second does not follow',
};

let path = '/sentence-order';

/** @param heads those of the model */
export function useHead(heads: readonly string[]): void {
  path = heads.includes('nsp') && !heads.includes('sop') ? '/next-sentence' : '/sentence-order';
}

/** @returns classifies the sentences, unless that is done */
export function bindSentenceOrder(): () => void {
  return bindTool(
    'order',
    () => {
      const [text, text_pair] = [first.value.trim(), second.value.trim()];
      return text === '' || text_pair === '' ? 'Type two sentences.' : { path, body: { inputs: { text, text_pair } } };
    },
    (document) => {
      const labels = parseLabels(document);
      if (!labels) return undefined;
      const rows = labels.map(({ label, score }) =>
        make(
          'li',
          {},
          make(
            'div',
            { class: 'candidate' },
            track(score, 1),
            make('span', { class: 'word' }, NAMES[label]),
            ' ',
            make('span', { class: 'percent' }, percent(score)),
          ),
        ),
      );
      const [top] = labels;
      return {
        summary: top ? `Most likely: ${NAMES[top.label]}, ${percent(top.score)}.` : 'No answer.',
        elements: [make('div', { class: 'column' }, make('ol', { class: 'bars', 'aria-label': 'Labels' }, ...rows))],
      };
    },
  );
}
