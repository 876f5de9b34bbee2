/** Schemas of `POST /tokenize`. */
import * as v from 'valibot';

import { modelName, offsets, textOrTexts, tokenId } from './fields.ts';

export const tokenizeRequest = v.object({
  inputs: textOrTexts('', 'A text, with or without masks.'),
  model: modelName,
});
export type TokenizeRequest = v.InferInput<typeof tokenizeRequest>;

export const tokenized = v.object({
  tokens: v.array(
    v.object({
      token: tokenId,
      piece: v.pipe(v.string(), v.description('The token as the vocabulary spells it.')),
      token_str: v.pipe(v.string(), v.description('The token as text.')),
      special: v.pipe(
        v.boolean(),
        v.description('Whether the token is added around the text. If so, its offsets are 0.'),
      ),
      offsets,
    }),
  ),
});
export type Tokenized = v.InferOutput<typeof tokenized>;

export const tokenizeResponse = v.union([tokenized, v.array(tokenized)]);
export type TokenizeResponse = v.InferOutput<typeof tokenizeResponse>;
