/** Converts tokens to the arrays that a model reads. No I/O. */
import { type MaskedText, spellMasks } from './masks.ts';
import type { Token } from './post-processors/create-post-processor.ts';
import type { SpecialToken, TokenizedText } from './tokenizer.ts';

/**
 * @param tokenize returns the tokens of a text whose masks have the model's own spelling
 * @throws as `Tokenizer.encode`
 */
export function encodeMasked(
  masked: MaskedText,
  mask: SpecialToken,
  tokenize: (text: string) => readonly Omit<Token, 'value'>[],
): TokenizedText {
  const { text, sentAt } = spellMasks(masked, mask.token);
  const tokens = tokenize(text);
  // A text that becomes a mask only by normalization is not one of the masks of the request.
  const isMask = ({ id, start, end }: (typeof tokens)[number]) =>
    id === mask.id && text.slice(start, end).includes(mask.token);
  const masked_positions = tokens.flatMap((token, position) => (isMask(token) ? [position] : []));
  if (masked_positions.length !== masked.masks.length) {
    throw new Error(`the tokenizer sees ${masked_positions.length} masks where the text has ${masked.masks.length}`);
  }
  return toTokenizedText(tokens, masked_positions, sentAt);
}

/**
 * @param tokens with the special tokens
 * @param sentAt converts a position in the tokenized text to one in the original text
 */
export function toTokenizedText(
  tokens: readonly Omit<Token, 'value'>[],
  masked_positions: readonly number[] = [],
  sentAt = (position: number) => position,
): TokenizedText {
  return {
    input_ids: Int32Array.from(tokens, ({ id }) => id),
    token_type_ids: Int32Array.from(tokens, ({ type_id }) => type_id),
    masked_positions: Int32Array.from(masked_positions),
    offsets: Int32Array.from(tokens.flatMap(({ start, end }) => [sentAt(start), sentAt(end)])),
  };
}
