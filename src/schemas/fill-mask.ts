/** `POST /fill-mask`, after the Hugging Face fill-mask task. Schemas only. */
import * as v from 'valibot';

import { MAX_NUM_BEAMS, MAX_TARGET_PIECES, MAX_TARGETS, MAX_TOP_K } from '../limits.ts';
import { natural, offsets, oneOrMore, probability, switched, textOrTexts, tokenId } from './fields.ts';

const TARGET = 'must be a word or a list of words';
const target = v.pipe(v.string(TARGET), v.minLength(1, 'is empty: a target is a word'));
const targets = v.pipe(
  v.array(target),
  v.minLength(1, 'is an empty list: name at least one word, or leave it out'),
  v.maxLength(MAX_TARGETS, `has more than the ${MAX_TARGETS} words that one request may ask for`),
);

function wholeNumber(max: number) {
  const message = `must be a whole number from 1 to ${max}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(1, message), v.maxValue(max, message));
}

/** Renamed parameters: an error for the old name tells the new one. */
export const RENAMED_PARAMETERS: Readonly<Record<string, string>> = { beams: 'num_beams', offsets: 'return_offsets' };

/** An unknown field is an error here, since a misspelled parameter would otherwise be silently without effect. */
export const fillMaskParameters = v.strictObject(
  {
    top_k: v.pipe(
      v.nullish(wholeNumber(MAX_TOP_K)),
      v.description('How many candidates for each mask, or combinations. 5 if not given; with targets, all of them.'),
    ),
    targets: v.pipe(
      v.nullish(oneOrMore(target, targets, TARGET)),
      v.description(
        `Only these words are scored, as they would stand in the mask's place. One of several pieces, up to ` +
          `${MAX_TARGET_PIECES}, is scored as a whole: the mask becomes as many masks, which are filled left to right, and ` +
          `the score is the product. Such scores compare between words of as many pieces. Words that the model cannot tell apart, as in case, are ` +
          `answered once.`,
      ),
    ),
    strategy: v.pipe(
      v.nullish(v.picklist(['independent', 'joint'], 'must be "independent" or "joint"')),
      v.description(
        'With "independent", the default, each mask is answered by itself while the others stay masked. With "joint" a text ' +
          'is answered by the likeliest combinations of words for all its masks, found by a beam search that fills one mask ' +
          'after the other, in any order.',
      ),
    ),
    num_beams: v.pipe(
      v.nullish(wholeNumber(MAX_NUM_BEAMS)),
      v.description('How many partial combinations a joint search keeps at each step: 8, or top_k if that is more.'),
    ),
    return_offsets: switched('Whether each candidate says where its mask stands in the text.'),
    truncation: switched(
      'Whether a text that is too long for the model is cut at both ends, around its masks. What was cut is said in each candidate.',
    ),
  },
  'must be an object such as {"top_k": 5}',
);

/** Unknown fields beside these (`options`) are ignored: clients of the Hugging Face task send them. */
export const fillMaskRequest = v.object({
  inputs: textOrTexts(' with a [MASK] in it', 'A text with masks, written [MASK] or <mask>.'),
  parameters: v.nullish(fillMaskParameters),
});

export const candidate = v.object({
  score: v.pipe(
    probability,
    v.description('A probability over the whole vocabulary; of several masks or pieces, the product.'),
  ),
  token: v.pipe(tokenId, v.description('The id in the vocabulary; of several, the first.')),
  token_str: v.pipe(v.string(), v.description('That id as text; of a target of several pieces, all of it.')),
  sequence: v.pipe(v.string(), v.description('The text as it was sent, with this mask replaced.')),
  token_ids: v.optional(
    v.pipe(v.array(tokenId), v.description('Where there are several ids: of the pieces, or one for each mask.')),
  ),
  token_strs: v.optional(v.pipe(v.array(v.string()), v.description('Of a combination: the text for each mask.'))),
  offsets: v.optional(
    v.pipe(v.union([offsets, v.array(offsets)]), v.description('Of the mask; of a combination, of each mask.')),
  ),
  truncated: v.optional(
    v.pipe(
      v.object({ tokens_before: natural, tokens_after: natural }),
      v.description('How many tokens of the text the model did not see, where some were cut.'),
    ),
  ),
});
/** A candidate as a caller sees it. */
export type Prediction = v.InferOutput<typeof candidate>;

const ofText = v.union([v.array(candidate), v.array(v.array(candidate))]);
export const fillMaskResponse = v.pipe(
  v.union([ofText, v.array(ofText)]),
  v.description(
    'For one mask a list of candidates, best first; for several masks a list of such lists, in order; with the strategy ' +
      '"joint" always one list, of combinations. For a list of texts a list of such answers.',
  ),
);
export type FillMaskResponse = v.InferOutput<typeof fillMaskResponse>;
