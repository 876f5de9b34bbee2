/** Schemas of `POST /sentence-order` (ALBERT) and `POST /next-sentence` (BERT), which classify a pair of texts. */
import * as v from 'valibot';

import { MAX_TEXTS } from '../limits.ts';
import { modelName, oneOrMore, probability } from './fields.ts';

const PAIR = 'must be a pair such as {"text": "…", "text_pair": "…"}';
const PAIRS = `${PAIR}, or a list of them`;
const text = (description: string) =>
  v.pipe(v.string('must be a text'), v.minLength(1, 'is empty: give a text'), v.description(description));
export const pair = v.object({ text: text('The first text.'), text_pair: text('The second text.') }, PAIR);
export type Pair = v.InferOutput<typeof pair>;

export const sentenceRequest = v.object({
  inputs: v.pipe(
    oneOrMore(pair, v.pipe(v.array(pair), v.minLength(1, 'is an empty list: give at least one pair')), PAIRS),
    v.description(`A pair of texts. A list of up to ${MAX_TEXTS} pairs is answered with a list.`),
  ),
  model: modelName,
});

export type SentenceRequest = v.InferOutput<typeof sentenceRequest>;

/** The meaning of the two logits of each head, in order. */
export const LABELS = { sop: ['in_order', 'swapped'], nsp: ['is_next', 'not_next'] } as const;
export type SentenceHead = keyof typeof LABELS;

const labels = <const Names extends readonly string[]>(names: Names) => {
  const scores = v.pipe(v.array(v.object({ label: v.picklist(names), score: probability })), v.length(2));
  return v.pipe(v.union([scores, v.array(scores)]), v.description('Both labels, the more likely first.'));
};
export const sentenceOrderResponse = labels(LABELS.sop);
export const nextSentenceResponse = labels(LABELS.nsp);
export type SentenceOrderResponse = v.InferOutput<typeof sentenceOrderResponse>;
export type NextSentenceResponse = v.InferOutput<typeof nextSentenceResponse>;
