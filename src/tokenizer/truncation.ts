/** Truncates a text to the length that a model reads, around its masks. No I/O. */
import type { Encoding } from '../inference/backend.ts';
import { fail, ok, type Result } from '../result.ts';

/** A truncated text. */
export interface CutEncoding extends Encoding {
  /** How many tokens were removed. */
  readonly truncated: { readonly tokens_before: number; readonly tokens_after: number };
}

/**
 * Keeps the special tokens at both ends, all masks, and about the same amount of text on either side of them. If one side is
 * shorter, the other keeps more.
 * @param encoding with at least one mask
 * @param limit in tokens, less than its length
 * @returns the number of tokens needed for all masks, if they do not fit
 */
export function cutAroundMasks(
  { input_ids, token_type_ids, masked_positions }: Encoding,
  limit: number,
): Result<CutEncoding, number> {
  const [first, last] = [0, input_ids.length - 1];
  const room = limit - 2;
  const from = masked_positions[0]!;
  const to = masked_positions.at(-1)! + 1;
  if (to - from > room) return fail(to - from + 2);
  const wished = from - Math.floor((room - (to - from)) / 2);
  const start = Math.max(first + 1, Math.min(wished, last - room));
  const end = start + room;
  const cut = (values: Int32Array) => Int32Array.of(values[first]!, ...values.subarray(start, end), values[last]!);
  return ok({
    input_ids: cut(input_ids),
    token_type_ids: cut(token_type_ids),
    masked_positions: masked_positions.map((position) => position - start + 1),
    truncated: { tokens_before: start - 1, tokens_after: last - end },
  });
}
