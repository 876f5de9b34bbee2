/** Fields that several schemas share. Types, validation and the OpenAPI document are derived from the schemas. */
import * as v from 'valibot';

import { MAX_BODY_BYTES, MAX_TEXTS } from '../limits.ts';

/** One value or a list of values. `message` is the error if the input is neither. */
export const oneOrMore = <const One extends v.GenericSchema, const More extends v.GenericSchema>(
  one: One,
  more: More,
  message: string,
) => v.union([one, more], message);

const TEXT = 'must be a text or a list of texts';
/** @param what completes the error "give a text…" */
export function textOrTexts(what: string, description: string) {
  const text = v.pipe(v.string('must be a text'), v.minLength(1, `is empty: give a text${what}`));
  const texts = v.pipe(v.array(text), v.minLength(1, `is an empty list: give at least one text${what}`));
  return v.pipe(
    oneOrMore(text, texts, TEXT),
    v.description(
      `${description} A list of up to ${MAX_TEXTS} texts is answered with a list. The body may have up to ${MAX_BODY_BYTES} bytes.`,
    ),
  );
}

/** Of those that a deployment serves. */
export const modelName = v.pipe(
  v.nullish(v.string('must be the id of a model')),
  v.description('One of the models of `GET /models`, by its id or as `<id>@<revision>`. The default is the first.'),
);

export const flag = (description: string) =>
  v.pipe(v.nullish(v.boolean('must be true or false')), v.description(description));

const place = v.pipe(v.number(), v.integer(), v.minValue(0));
const range = (unit: string) =>
  v.pipe(v.strictTuple([place, place]), v.description(`Start and end (exclusive), in ${unit}.`));

export const offsets = v.pipe(
  v.object({
    utf16: range('UTF-16 code units, as JavaScript counts'),
    code_points: range('code points, as Python counts'),
  }),
  v.description('The position in the text as it was sent.'),
);
export type Offsets = v.InferOutput<typeof offsets>;

export const tokenId = v.pipe(v.number(), v.integer(), v.minValue(0), v.description('A token id of the vocabulary.'));
export const probability = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
export const natural = v.pipe(v.number(), v.integer(), v.minValue(0));
