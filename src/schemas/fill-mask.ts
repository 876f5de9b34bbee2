/** Schemas of `POST /fill-mask`, after the Hugging Face fill-mask task. */
import * as v from 'valibot';

import {
  DEFAULT_NUM_BEAMS,
  MAX_NUM_BEAMS,
  MAX_TARGET_PIECES,
  MAX_TARGETS,
  MAX_TOP_K,
  MAX_TOP_K_OF_SEVERAL,
  MAX_WORD_PIECES,
} from '../limits.ts';
import { modelName, natural, offsets, oneOrMore, probability, flag, textOrTexts, tokenId } from './fields.ts';

const TARGET = 'must be a word or a list of words';
const target = v.pipe(v.string('must be a word'), v.minLength(1, 'is empty: give a word'));
const targets = v.pipe(
  v.array(target),
  v.minLength(1, 'is an empty list: give at least one word, or leave it out'),
  v.maxLength(MAX_TARGETS, `has more than ${MAX_TARGETS} words: send fewer`),
);

function wholeNumber(max: number) {
  const message = `must be a whole number from 1 to ${max}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(1, message), v.maxValue(max, message));
}

/** Renamed parameters. The error for an old name gives the new name. */
export const RENAMED_PARAMETERS: Readonly<Record<string, string>> = { beams: 'num_beams', offsets: 'return_offsets' };

/** An unknown field is an error, since a misspelled parameter would otherwise have no effect. */
export const fillMaskParameters = v.strictObject(
  {
    top_k: v.pipe(
      v.nullish(wholeNumber(MAX_TOP_K)),
      v.description(
        'The number of candidates for each mask, or of combinations. The default is 5, or all targets. More than ' +
          `${MAX_TOP_K_OF_SEVERAL} need a text with one mask, and are no combinations.`,
      ),
    ),
    targets: v.pipe(
      v.nullish(oneOrMore(target, targets, TARGET)),
      v.description(
        `Scores only these words. Each is tokenized as if it replaced the mask, but one that is spelled as the vocabulary ` +
          `spells a piece, such as "##s", "\u0120pizza" or "\u2581pizza", is that piece. A word of several pieces, up to ` +
          `${MAX_TARGET_PIECES}, is scored as a whole: the mask is replaced by one mask per piece, these are filled from left ` +
          `to right, and the score is the product. Compare such scores only between words with the same number of pieces. ` +
          `Words with the same tokens, such as a word in two cases, are listed once.`,
      ),
    ),
    strategy: v.pipe(
      v.nullish(v.picklist(['independent', 'joint'], 'must be "independent" or "joint"')),
      v.description(
        'With "independent", the default, each mask is predicted while the others stay masked. With "joint", the answer ' +
          'lists the most likely combinations of words for all masks of a text, found by a beam search that fills one mask ' +
          'at a time, in any order.',
      ),
    ),
    num_beams: v.pipe(
      v.nullish(wholeNumber(MAX_NUM_BEAMS)),
      v.description(
        'The number of partial combinations that a joint search keeps at each step, or of partial words with "whole_words". The ' +
          `default is ${DEFAULT_NUM_BEAMS}; for a joint search, top_k if that is larger.`,
      ),
    ),
    filter: v.pipe(
      v.nullish(v.picklist(['words'], 'must be "words"')),
      v.description(
        'With "words", only candidates with a letter or a digit: no punctuation and no special tokens. The scores of the others ' +
          'stay as they are. Not with targets.',
      ),
    ),
    whole_words: flag(
      `Whether candidates can be words of several pieces, up to ${MAX_WORD_PIECES}, found by a beam search for each number of ` +
        'pieces. Their scores are those that the words would have as targets. Pieces that only continue a word are left out. ' +
        'Not with targets, and not with "joint".',
    ),
    return_offsets: flag('Whether each candidate has the offsets of its mask.'),
    truncation: flag(
      'Whether a text that is too long for the model is truncated at both ends, around its masks. Each candidate then says how much was cut.',
    ),
  },
  'must be an object such as {"top_k": 5}',
);

/** Other top-level fields are ignored: clients of the Hugging Face task send some, such as `options`. */
export const fillMaskRequest = v.object({
  inputs: textOrTexts(
    ' with a [MASK] in it',
    'A text with masks, written [MASK], <mask> or as the model spells its mask.',
  ),
  model: modelName,
  parameters: v.pipe(
    v.nullish(fillMaskParameters),
    v.description('How to fill. At the top level, a parameter is an error.'),
  ),
});

export type FillMaskRequest = v.InferInput<typeof fillMaskRequest>;

export const candidate = v.object({
  score: v.pipe(
    probability,
    v.description('The probability over the whole vocabulary. For several masks or pieces, the product.'),
  ),
  token: v.pipe(tokenId, v.description('The token id. If there are several, the first.')),
  token_str: v.pipe(v.string(), v.description('The token as text. For a target of several pieces, the whole target.')),
  sequence: v.pipe(
    v.string(),
    v.description(
      'The text as it was sent, with this mask replaced. For a combination, all masks are replaced. A piece that continues a ' +
        'word, and closing punctuation, lose the spaces before them.',
    ),
  ),
  token_ids: v.optional(
    v.pipe(
      v.array(tokenId),
      v.description('The token ids, if there are several: one per piece, or one per mask of a combination.'),
    ),
  ),
  token_strs: v.optional(v.pipe(v.array(v.string()), v.description('For a combination: the text for each mask.'))),
  target: v.optional(
    v.pipe(
      v.string(),
      v.description('With targets: the one that this is, as it was sent. Of several with the same tokens, the first.'),
    ),
  ),
  offsets: v.optional(
    v.pipe(
      v.union([offsets, v.array(offsets)]),
      v.description('The offsets of the mask. For a combination, of each mask.'),
    ),
  ),
  truncated: v.optional(
    v.pipe(
      v.object({ tokens_before: natural, tokens_after: natural }),
      v.description('The numbers of tokens that were cut from both ends. Present only if the text was truncated.'),
    ),
  ),
});
/** A candidate in an answer. */
export type Prediction = v.InferOutput<typeof candidate>;

const ofText = v.union([v.array(candidate), v.array(v.array(candidate))]);
export const fillMaskResponse = v.pipe(
  v.union([ofText, v.array(ofText)]),
  v.description(
    'For a text with one mask, a list of candidates, best first. For a text with several masks, one such list per mask, in ' +
      'order. With the strategy "joint", one list of combinations. For a list of texts, a list with one such answer per text.',
  ),
);
export type FillMaskResponse = v.InferOutput<typeof fillMaskResponse>;
