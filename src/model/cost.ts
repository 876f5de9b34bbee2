/** What a run of the model costs, in multiply-adds, from the manifest alone. No I/O. */
import type { Encoding } from '../inference/backend.ts';
import { widthsOf } from '../inference/efm-format.ts';
import type { Manifest } from './manifest.ts';

/**
 * Reading a logit (softmax, top-k) takes as long as about this many multiply-adds of the matrices: measured with the default
 * model, whose vocabulary is large for its size.
 */
const PER_LOGIT = 64;

/** Multiply-adds of texts of one architecture. */
export interface CostModel {
  /** @param rows masks whose logits are computed */
  readonly text: (tokens: number, rows: number) => number;
  readonly encoding: (encoding: Encoding) => number;
  readonly batch: (encodings: readonly Encoding[]) => number;
}

export function costModelOf(architecture: Manifest['architecture']): CostModel {
  const { num_hidden_layers: N, vocab_size: V } = architecture;
  const { hidden: H, intermediate: F, embedding: E, attention: Q } = widthsOf(architecture);
  const perToken = N * (4 * H * Q + 2 * H * F) + E * H;
  // Scores and weighted sums of attention (Vaswani et al. 2017, 3.2.1).
  const perPair = 2 * N * Q;
  const perRow = H * E + E * V + PER_LOGIT * V;
  const text = (tokens: number, rows: number) => tokens * perToken + tokens * tokens * perPair + rows * perRow;
  const encoding = ({ input_ids, masked_positions }: Encoding) => text(input_ids.length, masked_positions.length);
  return {
    text,
    encoding,
    batch: (encodings) => encodings.reduce((sum, one) => sum + encoding(one), 0),
  };
}
