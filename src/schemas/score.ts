/** Schemas of `POST /score`, the pseudo-log-likelihood of a text. */
import * as v from 'valibot';

import { modelName, offsets, textOrTexts, tokenId } from './fields.ts';

const METRICS = ['within_word_l2r', 'original'] as const;
export type Metric = (typeof METRICS)[number];

export const scoreParameters = v.strictObject(
  {
    metric: v.pipe(
      v.nullish(v.picklist(METRICS, 'must be "within_word_l2r" or "original"')),
      v.description(
        'With "original", each token is masked in turn (Salazar et al. 2020). With "within_word_l2r", the default, the rest ' +
          'of its word is masked too (Kauf & Ivanova 2023), so that words of many pieces are not overrated. Punctuation is no ' +
          'part of a word of letters. With byte-level BPE, words are those of its tokenizer: letters, digits or other signs.',
      ),
    ),
  },
  'must be an object such as {"metric": "original"}',
);

export const scoreRequest = v.object({
  inputs: textOrTexts('', 'A text without masks.'),
  model: modelName,
  parameters: v.pipe(
    v.nullish(scoreParameters),
    v.description('How to score. At the top level, a parameter is an error.'),
  ),
});

export type ScoreRequest = v.InferInput<typeof scoreRequest>;
const logProbability = v.pipe(v.number(), v.maxValue(0));

export const scored = v.object({
  score: v.pipe(
    logProbability,
    v.description('The pseudo-log-likelihood: the sum of the scores of the tokens, in nats.'),
  ),
  metric: v.picklist(METRICS),
  tokens: v.array(
    v.object({
      token: tokenId,
      token_str: v.string(),
      score: v.pipe(
        logProbability,
        v.description('The natural logarithm of the probability of the token in its place.'),
      ),
      offsets,
    }),
  ),
});
export type Score = v.InferOutput<typeof scored>;

export const scoreResponse = v.union([scored, v.array(scored)]);
export type ScoreResponse = v.InferOutput<typeof scoreResponse>;
