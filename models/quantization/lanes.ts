/**
 * Weights for the inner loop of the engine (src/inference/kernels/tiles.ts): int8, in the order in which it reads them, and small
 * enough that its 16-bit sums cannot overflow. No I/O; deterministic.
 *
 * The loop multiplies by activations of 0 … 127 and adds four products in each 16-bit lane before it widens them. No lane
 * overflows if its weights of one sign add up to at most 32767 / 127. Outlier channels pass the same loop twice, with the upper
 * and the lower seven bits of their activations, so the same limit holds for them.
 */
import type { Linear } from '../checkpoint/encoder.ts';
import { padTo8 } from '../../src/inference/efm-format.ts';

/** The limit for the sum of the weights of one sign in a lane. */
export const LANE_LIMIT = Math.floor(32_767 / 127);
/** The block that is read at once: eight columns by two groups of four inputs. */
const STEP_BYTES = 64;
const HALF_STEP = STEP_BYTES / 2;

export interface PackedMatrix {
  /** (N / 8, K / 4, 8, 4), N = outputs rounded up to 8 */
  readonly weight: Int8Array;
  /** (N,): the size of a step of each column */
  readonly scale: Float32Array;
  /** (N,): scale × the sum of the column, without its outliers */
  readonly sum: Float32Array;
  /** (N,): scale × the sum of the column's outliers */
  readonly outlier_sum: Float32Array;
}

/** Sums of columns, for the minimum of a row. */
export const emptySums = (width: number) => ({ sum: new Float32Array(width), outlier_sum: new Float32Array(width) });

/**
 * Rounds the weights of each output with its own scale. If a lane would overflow, the scale of that output grows until none
 * does.
 * @param linear with a multiple of 8 inputs
 * @param outliers the number of inputs with 14 bits, which come first
 */
export function packMatrix({ weight, inputs, outputs }: Omit<Linear, 'bias'>, outliers = 0): PackedMatrix {
  const width = padTo8(outputs);
  const packed: PackedMatrix = {
    weight: new Int8Array(inputs * width),
    scale: new Float32Array(width),
    ...emptySums(width),
  };
  for (let n = 0; n < outputs; n++) {
    const { values, scale } = roundColumn(weight.subarray(n * inputs, (n + 1) * inputs));
    const panel = (n >> 3) * 8 * inputs + (n & 7) * 4;
    let [sum, ofOutliers] = [0, 0];
    for (let k = 0; k < inputs; k++) {
      const value = values[k]!;
      packed.weight[panel + (k >> 2) * 32 + (k & 3)] = value;
      if (k < outliers) ofOutliers += value;
      else sum += value;
    }
    packed.scale[n] = scale;
    packed.sum[n] = scale * sum;
    packed.outlier_sum[n] = scale * ofOutliers;
  }
  proveNoOverflow(packed.weight, inputs);
  return packed;
}

/** Of one output. @param weights (K,) */
export function roundColumn(weights: Float32Array): { values: Int8Array; scale: number } {
  let largest = 0;
  for (const w of weights) largest = Math.max(largest, Math.abs(w));
  if (!Number.isFinite(largest)) throw new Error('a weight is not finite');
  let scale = Math.fround(largest / 127) || 1; // A column of zeros needs some scale.
  const values = new Int8Array(weights.length);
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    for (let k = 0; k < weights.length; k++) {
      values[k] = Math.max(-127, Math.min(127, Math.round(weights[k]! / scale)));
    }
    const worst = worstLane(values);
    if (worst <= LANE_LIMIT) return { values, scale };
    scale = largerScale(scale, worst);
  }
  throw new Error(NO_SCALE);
}

/**
 * How often a scale may grow. Each time it grows by a thousandth or by a step of float32, and at 256 times its first value all weights of a
 * column are zeros.
 */
export const MAX_ATTEMPTS = 8_192;
export const NO_SCALE = 'no scale keeps the sums of a column within 16 bits';
/** The smallest number of float32. */
const LEAST = 2 ** -149;

/** The next scale of a column whose worst lane is beyond the limit. */
export function largerScale(scale: number, worst: number): number {
  // The sum is about proportional to 1 / scale; after rounding it may be slightly larger.
  const larger = Math.fround(scale * Math.max(worst / LANE_LIMIT, 1.001));
  // Scales close to zero are so far apart that a thousandth more is the same number.
  return larger > scale ? larger : scale + LEAST;
}

/**
 * Usual matrices lose 0.01 of their norm by rounding. One that began as the identity loses 0.03, since the weights on its
 * diagonal determine the step of all others.
 */
const MUCH_LOST = 0.02;

const norm = (array: Float32Array): number => Math.sqrt(array.reduce((sum, w) => sum + w * w, 0));

/** What `packMatrix` leaves of a matrix, to be packed as a second one; undefined if the first is enough. */
export function roundingRest(linear: Linear): Linear | undefined {
  const { weight, inputs, outputs } = linear;
  const rest = weight.slice();
  for (let n = 0; n < outputs; n++) {
    const { values, scale } = roundColumn(weight.subarray(n * inputs, (n + 1) * inputs));
    for (let k = 0; k < inputs; k++) rest[n * inputs + k]! -= values[k]! * scale;
  }
  return norm(rest) > MUCH_LOST * norm(weight)
    ? { ...linear, weight: rest, bias: new Float32Array(outputs) }
    : undefined;
}

/**
 * The largest sum of weights of one sign in any lane. Inputs k, k + 1, k + 4 and k + 5 share a lane, and so do k + 2, k + 3, k + 6 and k + 7.
 * @param values (K,) of one output
 */
export function worstLane(values: Int8Array | Float32Array): number {
  let worst = 0;
  for (let k = 0; k < values.length; k += 8) {
    for (const first of [k, k + 2]) {
      let [above, below] = [0, 0];
      for (const at of [first, first + 1, first + 4, first + 5]) {
        // The last lane may be padded with zeros.
        const value = values[at] ?? 0;
        if (value > 0) above += value;
        else below -= value;
      }
      worst = Math.max(worst, above, below);
    }
  }
  return worst;
}

/**
 * Walks over the weights as the loop does, independently of the packing.
 * @param packed (N / 8, K / 4, 8, 4)
 * @param inputs K
 * @throws naming the first column and lane that some activations overflow
 */
export function proveNoOverflow(packed: Int8Array, inputs: number): void {
  if (inputs % 8 !== 0) throw new Error(`${inputs} inputs are not a multiple of 8`);
  for (let step = 0; step < packed.length; step += STEP_BYTES) {
    for (let lane = 0; lane < HALF_STEP; lane += 2) {
      let [above, below] = [0, 0];
      for (const at of [step + lane, step + lane + 1, step + HALF_STEP + lane, step + HALF_STEP + lane + 1]) {
        const value = packed[at]!;
        if (value > 0) above += value;
        else below -= value;
      }
      if (Math.max(above, below) > LANE_LIMIT) {
        const column = Math.floor(step / (8 * inputs)) * 8 + Math.floor(lane / 4);
        const k = Math.floor((step % (8 * inputs)) / 8) + (lane % 4);
        throw new Error(
          `column ${column}: the weights of a 16-bit lane, at inputs ${k}, ${k + 1}, ${k + 4} and ${k + 5}, add up to ` +
            `${above} and −${below}, and 127 × ${LANE_LIMIT} is the most that it holds`,
        );
      }
    }
  }
}
