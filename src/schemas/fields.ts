/** What several requests and answers have in common. Schemas only: types, validation and the OpenAPI document come of them. */
import * as v from 'valibot';

import { MAX_BODY_BYTES, MAX_TEXTS } from '../limits.ts';

/** One or several; the message speaks of both, and of what is wrong in one of several. */
export const oneOrMore = <const One extends v.GenericSchema, const More extends v.GenericSchema>(
  one: One,
  more: More,
  message: string,
) => v.union([one, more], message);

const TEXT = 'must be a text or a list of texts';
/** @param what a text is good for here, as an error says it */
export function textOrTexts(what: string, description: string) {
  const text = v.pipe(v.string(TEXT), v.minLength(1, `is empty: give a text${what}`));
  const texts = v.pipe(v.array(text), v.minLength(1, `is an empty list: give at least one text${what}`));
  return v.pipe(
    oneOrMore(text, texts, TEXT),
    v.description(
      `${description} A list of up to ${MAX_TEXTS} of them is answered by a list; the body may have ${MAX_BODY_BYTES} bytes.`,
    ),
  );
}

export const switched = (description: string) =>
  v.pipe(v.nullish(v.boolean('must be true or false')), v.description(description));

const place = v.pipe(v.number(), v.integer(), v.minValue(0));
const range = (unit: string) => v.pipe(v.strictTuple([place, place]), v.description(`Begin and end, in ${unit}.`));

/** Where something stands in the text as it was sent. */
export const offsets = v.pipe(
  v.object({
    utf16: range('UTF-16 code units, as JavaScript counts'),
    code_points: range('code points, as Python counts'),
  }),
  v.description('Where something stands in the text as it was sent: from the first to before the last.'),
);
export type Offsets = v.InferOutput<typeof offsets>;

export const tokenId = v.pipe(v.number(), v.integer(), v.minValue(0), v.description('An id of the vocabulary.'));
export const probability = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
export const natural = v.pipe(v.number(), v.integer(), v.minValue(0));
