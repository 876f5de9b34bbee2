/** The log-probability of each token of a text, given the others. No I/O of its own. */
import type { Metric } from '../schemas/score.ts';
import type { Encoding } from '../inference/backend.ts';
import type { Work } from './work.ts';
import { logitsRow, type Runner, runModel } from './runs.ts';

/** Tokens that are masked together to score the first of them: `from` up to, and without, `to`. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * The masked tokens for each token of a text between its special tokens. With `original`, the token alone (Salazar et al.
 * 2020); with `within_word_l2r`, also the rest of its word, so that a long word does not score well because its beginning
 * gives away its end (Kauf & Ivanova 2023).
 * @param begins (sequence,) 1 for a token that begins a word, special tokens included
 */
export function spansOf(metric: Metric, begins: Uint8Array): Span[] {
  const { length } = begins;
  return Array.from({ length: Math.max(0, length - 2) }, (_, i) => {
    const from = i + 1;
    let to = from + 1;
    if (metric === 'within_word_l2r') while (to < length - 1 && begins[to] === 0) to++;
    return { from, to };
  });
}

/**
 * @returns (spans,) the natural logarithm of the probability of the first token of each, with all of the span masked
 */
export async function logProbabilities(
  { input_ids, token_type_ids }: Pick<Encoding, 'input_ids' | 'token_type_ids'>,
  spans: readonly Span[],
  mask_id: number,
  runner: Runner,
  work: Work,
): Promise<Float64Array> {
  const found = new Float64Array(spans.length);
  const texts = spans.map(({ from, to }) => ({
    input_ids: input_ids.slice().fill(mask_id, from, to),
    token_type_ids,
    masked_positions: Int32Array.of(from),
  }));
  await runModel(texts, runner, work, (logits, i) => {
    const { row, total } = logitsRow(logits, 0);
    found[i] = row[input_ids[spans[i]?.from ?? 0]!]! - total;
  });
  return found;
}
