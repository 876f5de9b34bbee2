/** `POST /tokenize`: a text as the model reads it. Schemas only. */
import * as v from 'valibot';

import { offsets, textOrTexts, tokenId } from './fields.ts';

export const tokenizeRequest = v.object({ inputs: textOrTexts('', 'A text, with masks or without.') });

export const tokenized = v.object({
  tokens: v.array(
    v.object({
      token: tokenId,
      piece: v.pipe(v.string(), v.description('As the vocabulary has it.')),
      token_str: v.pipe(v.string(), v.description('As text.')),
      special: v.pipe(v.boolean(), v.description('Whether the model puts it around a text; its offsets are 0 then.')),
      offsets,
    }),
  ),
});
export type Tokenized = v.InferOutput<typeof tokenized>;

export const tokenizeResponse = v.union([tokenized, v.array(tokenized)]);
export type TokenizeResponse = v.InferOutput<typeof tokenizeResponse>;
