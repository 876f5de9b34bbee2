/** Converts tokens to the arrays that a model reads. No I/O. */
import type { Encoding } from '../inference/backend.ts';
import { type MaskedText, spellMasks, type SpelledText } from './masks.ts';
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
): { readonly parts: readonly Tokens[]; readonly encoding: Encoding; readonly sentAt: SpelledText['sentAt'] } {
  const { text, sentAt } = spellMasks(masked, mask.token);
  const parts = tokenize(text);
  return { parts, encoding: toEncoding(parts), sentAt };
}

/** @param parts with the special tokens */
export function toEncoding(parts: readonly Tokens[]): Encoding {
  const count = parts.reduce((sum, { ids }) => sum + ids.length, 0);
  const input_ids = new Int32Array(count);
  const token_type_ids = new Int32Array(count);
  const masked_positions: number[] = [];
  let position = 0;
  for (const { ids, masks, type_id } of parts) {
    for (const mask of masks) masked_positions.push(position + mask);
    token_type_ids.fill(type_id, position, position + ids.length);
    input_ids.set(ids, position);
    position += ids.length;
  }
  return { input_ids, token_type_ids, masked_positions: Int32Array.from(masked_positions) };
}

/**
 * @param sentAt converts a position in the tokenized text to one in the original text
 * @returns the offsets of `TokenizedText`
 */
export function toOffsets(parts: readonly Tokens[], sentAt = (position: number) => position): TokenizedText['offsets'] {
  const offsets = new Int32Array(2 * parts.reduce((sum, { ids }) => sum + ids.length, 0));
  let at = 0;
  for (const { starts, ends } of parts) {
    for (const [i, start] of starts.entries()) {
      offsets[at++] = sentAt(start);
      offsets[at++] = sentAt(ends[i] ?? 0);
    }
  }
  return offsets;
}
