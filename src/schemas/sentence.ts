/** `POST /sentence-order` and `POST /next-sentence`: two texts before the sentence head of ALBERT or of BERT. Schemas only. */
import * as v from 'valibot';

import { MAX_TEXTS } from '../limits.ts';
import { oneOrMore, probability } from './fields.ts';

const PAIR = 'must be a pair such as {"text": "…", "text_pair": "…"}, or a list of them';
const text = (description: string) =>
  v.pipe(v.string('must be a text'), v.minLength(1, 'is empty: give a text'), v.description(description));
export const pair = v.object(
  { text: text('The first text.'), text_pair: text('The one that follows it, or seems to.') },
  PAIR,
);
export type Pair = v.InferOutput<typeof pair>;

export const sentenceRequest = v.object({
  inputs: v.pipe(
    oneOrMore(pair, v.pipe(v.array(pair, PAIR), v.minLength(1, 'is an empty list: give at least one pair')), PAIR),
    v.description(`Two texts, or a list of up to ${MAX_TEXTS} such pairs, which is answered by a list.`),
  ),
});

export type SentenceRequest = v.InferOutput<typeof sentenceRequest>;

/** What the two logits of a head stand for, in their order. */
export const LABELS = { sop: ['in_order', 'swapped'], nsp: ['is_next', 'not_next'] } as const;
export type SentenceHead = keyof typeof LABELS;

const labels = <const Names extends readonly string[]>(names: Names) => {
  const judged = v.pipe(v.array(v.object({ label: v.picklist(names), score: probability })), v.length(2));
  return v.pipe(v.union([judged, v.array(judged)]), v.description('Both labels, the likelier first.'));
};
export const sentenceOrderResponse = labels(LABELS.sop);
export const nextSentenceResponse = labels(LABELS.nsp);
