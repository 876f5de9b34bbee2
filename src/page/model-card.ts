/** Describes the model, from `/info`. */
import { byId, make } from './elements.ts';
import type { ModelInfo } from './parse-response.ts';
import { useHead } from './sentence-order.ts';

const FAMILIES: Readonly<Record<string, string>> = {
  albert: 'ALBERT',
  bert: 'BERT',
  roberta: 'RoBERTa',
  distilbert: 'DistilBERT',
  electra: 'ELECTRA',
  camembert: 'CamemBERT',
  'xlm-roberta': 'XLM-RoBERTa',
};

/** @param infos of the models that answer, undefined for one that is not served */
export function showModels(infos: readonly (ModelInfo | undefined)[]): void {
  const cards = infos.filter((info) => info !== undefined).map(describeModel);
  byId('model-facts', HTMLDivElement).replaceChildren(...cards);
  byId('model-card', HTMLElement).hidden = cards.length === 0;
  if (infos[0]) useHead(infos[0].heads);
}

function describeModel(info: ModelInfo): HTMLElement {
  const { architecture: shape, quantization } = info;
  const error = quantization?.error;
  const facts: [string, string][] = [
    ['Model', info.model],
    ['Revision', info.revision],
    [
      'Architecture',
      `${FAMILIES[shape.family] ?? shape.family}, ${shape.num_hidden_layers} layers of ${shape.hidden_size}`,
    ],
    ['Vocabulary', `${shape.vocab_size.toLocaleString('en')} pieces, up to ${shape.max_position_embeddings} tokens`],
    ['Size', `${(info.weights_bytes / 1e6).toFixed(1)} MB`],
    ...(quantization ? [['Weights', quantization.weights] satisfies [string, string]] : []),
    ...(error
      ? [
          [
            'Measured',
            `same first word as without quantization for ${(error.top1_agreement * 100).toFixed(1)}% of ${error.masks} masks`,
          ] satisfies [string, string],
        ]
      : []),
    ['Training', info.source],
    ['Mask token', info.mask_token],
    ['Runs on', info.backend.instruction_set],
    ['Licence', info.license],
  ];
  return make('dl', {}, ...facts.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value))));
}
