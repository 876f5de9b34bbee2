/** Tokens to the arrays that a model reads. No I/O. */
import { type MaskedText, spellMasks } from './masks.ts';
import type { Token } from './post-processors/create-post-processor.ts';
import type { SpecialToken, TokenizedText } from './tokenizer.ts';

/**
 * @param tokenize gives the tokens of a text in which the masks are spelled as the model has them
 * @throws as `Tokenizer.encode`
 */
export function encodeMasked(
  masked: MaskedText,
  mask: SpecialToken,
  tokenize: (text: string) => readonly Omit<Token, 'value'>[],
): TokenizedText {
  const { text, sentAt } = spellMasks(masked, mask.token);
  const tokens = tokenize(text);
  // What only normalizes to a mask is read as one, but nobody has asked for it.
  const isMask = ({ id, start, end }: (typeof tokens)[number]) =>
    id === mask.id && text.slice(start, end).includes(mask.token);
  const masked_positions = tokens.flatMap((token, position) => (isMask(token) ? [position] : []));
  if (masked_positions.length !== masked.masks.length) {
    throw new Error(`the tokenizer sees ${masked_positions.length} masks where the text has ${masked.masks.length}`);
  }
  return toTokenizedText(tokens, masked_positions, sentAt);
}

/**
 * Tokens with the special ones among them, as a model reads them.
 * @param sentAt where a place in the text that they come from is in the text as it was sent
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
