/** Converts tokens to the arrays that a model reads. No I/O. */
import { type MaskedText, spellMasks } from './masks.ts';
import type { Tokens } from './post-processors/create-post-processor.ts';
import type { SpecialToken, TokenizedText } from './tokenizer.ts';

/**
 * @param tokenize returns the tokens of a text whose masks have the model's own spelling
 * @throws as `Tokenizer.encode`
 */
export function encodeMasked(
  masked: MaskedText,
  mask: SpecialToken,
  tokenize: (text: string) => readonly Tokens[],
): TokenizedText {
  const { text, sentAt } = spellMasks(masked, mask.token);
  const encoding = toTokenizedText(
    tokenize(text),
    sentAt,
    (id, start, end) =>
      // A text that becomes a mask only by normalization is not one of the masks of the request.
      id === mask.id && text.slice(start, end).includes(mask.token),
  );
  const found = encoding.masked_positions.length;
  if (found !== masked.masks.length) {
    throw new Error(`the tokenizer sees ${found} masks where the text has ${masked.masks.length}`);
  }
  return encoding;
}

/**
 * @param parts with the special tokens
 * @param sentAt converts a position in the tokenized text to one in the original text
 * @param isMask by the positions in the tokenized text
 */
export function toTokenizedText(
  parts: readonly Tokens[],
  sentAt = (position: number) => position,
  isMask: (id: number, start: number, end: number) => boolean = () => false,
): TokenizedText {
  const count = parts.reduce((sum, { ids }) => sum + ids.length, 0);
  const input_ids = new Int32Array(count);
  const token_type_ids = new Int32Array(count);
  const offsets = new Int32Array(2 * count);
  const masked_positions: number[] = [];
  let position = 0;
  for (const { ids, starts, ends, type_id } of parts) {
    token_type_ids.fill(type_id, position, position + ids.length);
    for (const [i, id] of ids.entries()) {
      const [start = 0, end = 0] = [starts[i], ends[i]];
      if (isMask(id, start, end)) masked_positions.push(position);
      input_ids[position] = id;
      offsets[2 * position] = sentAt(start);
      offsets[2 * position + 1] = sentAt(end);
      position++;
    }
  }
  return { input_ids, token_type_ids, masked_positions: Int32Array.from(masked_positions), offsets };
}
