/**
 * 4-bit weights for the engine (src/inference/kernels/int4.ts) and for the graph: q × step × scale with q in −7 … 7, a step in
 * 1 … 18 for each output and 32 inputs, and a scale for each output. q × step fits 8 bits, so all that is proved for 8-bit weights
 * (lanes.ts) holds for these. No I/O; deterministic.
 */
import type { Linear } from '../checkpoint/encoder.ts';
import { STEP_INPUTS } from '../../src/inference/efm-format.ts';
import { type Compensation, roundCompensated } from './compensate.ts';
import {
  emptySums,
  LANE_LIMIT,
  largerScale,
  MAX_ATTEMPTS,
  NO_SCALE,
  type PackedMatrix,
  proveNoOverflow,
  worstLane,
} from './lanes.ts';

const MOST = 7;
/** 7 × 18 fits 8 bits. */
const MOST_STEPS = 18;
/** A block may get a smaller step than its largest weight needs: that weight is clipped, the others gain. */
const LEAST_SHARE = 0.7;

/** A matrix (outputs, inputs) in 4 bits. */
export interface FourBitRows {
  readonly inputs: number;
  /** (outputs, inputs): of an outlier in −127 … 127 with a step of 1, of the others in −7 … 7 */
  readonly values: Int8Array;
  /** (outputs, (inputs − outliers) / 32), each in 1 … 18 */
  readonly steps: Uint8Array;
  /** (outputs,) */
  readonly scales: Float32Array;
}

/**
 * @param linear with a multiple of 32 inputs
 * @param outliers the number of inputs with 8 bits, which come first
 * @param compensation without it, each weight is rounded to the nearest value
 */
export function quantizeToFourBits(
  { weight, inputs, outputs }: Omit<Linear, 'bias'>,
  outliers = 0,
  compensation?: Compensation,
): FourBitRows {
  if (inputs % STEP_INPUTS !== 0) throw new Error(`4 bits need a multiple of ${STEP_INPUTS} inputs, not ${inputs}`);
  const blocks = (inputs - outliers) / STEP_INPUTS;
  const rows: FourBitRows = {
    inputs,
    values: new Int8Array(outputs * inputs),
    steps: new Uint8Array(outputs * blocks),
    scales: new Float32Array(outputs),
  };
  for (let n = 0; n < outputs; n++) {
    const values = rows.values.subarray(n * inputs, (n + 1) * inputs);
    const steps = rows.steps.subarray(n * blocks, (n + 1) * blocks);
    const column = weight.subarray(n * inputs, (n + 1) * inputs);
    rows.scales[n] = roundColumn(column, values, steps, outliers, compensation);
  }
  return rows;
}

/**
 * @param weights (K,) of one output
 * @returns the scale; `values` and `steps` are written
 */
function roundColumn(
  weights: Float32Array,
  values: Int8Array,
  steps: Uint8Array,
  outliers: number,
  compensation?: Compensation,
): number {
  let largest = 0;
  for (let k = 0; k < weights.length; k++) largest = Math.max(largest, Math.abs(weights[k]!));
  if (!Number.isFinite(largest)) throw new Error('a weight is not finite');
  // A column of zeros needs some scale.
  let scale = Math.fround(Math.max(largest / (MOST * MOST_STEPS), worstLane(weights) / LANE_LIMIT)) || 1;
  const expanded = new Int8Array(weights.length);
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    for (let block = 0; block < steps.length; block++) {
      const from = outliers + block * STEP_INPUTS;
      const to = from + STEP_INPUTS;
      steps[block] = roundBlock(weights.subarray(from, to), scale, values.subarray(from, to));
    }
    for (let k = 0; k < outliers; k++) values[k] = Math.max(-127, Math.min(127, Math.round(weights[k]! / scale)));
    const stepOf = (k: number) => (k < outliers ? 1 : steps[Math.floor((k - outliers) / STEP_INPUTS)]!);
    if (compensation) {
      const mostOf = (k: number) => (k < outliers ? 127 : MOST);
      roundCompensated(compensation, weights, values, (k) => stepOf(k) * scale, mostOf);
    }
    for (let k = 0; k < values.length; k++) expanded[k] = values[k]! * stepOf(k);
    const worst = worstLane(expanded);
    if (worst <= LANE_LIMIT) return scale;
    scale = largerScale(scale, worst);
  }
  throw new Error(NO_SCALE);
}

/** The step with the least squared error. Plain loops, since a hundred million weights pass several times. */
function roundBlock(weights: Float32Array, scale: number, values: Int8Array): number {
  let largest = 0;
  for (let k = 0; k < STEP_INPUTS; k++) largest = Math.max(largest, Math.abs(weights[k]!));
  const wanted = largest / (MOST * scale);
  const from = Math.min(Math.max(Math.ceil(wanted * LEAST_SHARE), 1), MOST_STEPS);
  const to = Math.min(Math.max(Math.ceil(wanted), from), MOST_STEPS);
  let [best, least] = [from, Infinity];
  for (let step = from; step <= to; step++) {
    const width = step * scale;
    let error = 0;
    for (let k = 0; k < STEP_INPUTS; k++) {
      const w = weights[k]!;
      const rest = w - roundTo(w, width) * width;
      error += rest * rest;
    }
    if (error < least) [best, least] = [step, error];
  }
  for (let k = 0; k < STEP_INPUTS; k++) values[k] = roundTo(weights[k]!, best * scale);
  return best;
}

function roundTo(weight: number, step: number): number {
  return Math.max(-MOST, Math.min(MOST, Math.round(weight / step)));
}

/** Some outputs of a matrix, times a factor. */
export function takeOutputs(rows: FourBitRows, from: number, to: number, factor = 1): FourBitRows {
  const { inputs, values, steps, scales } = rows;
  const blocks = steps.length / scales.length;
  return {
    inputs,
    values: values.subarray(from * inputs, to * inputs),
    steps: steps.subarray(from * blocks, to * blocks),
    scales: scales.subarray(from, to).map((scale) => scale * factor),
  };
}

/** The outputs in a list. */
export function selectOutputs(rows: FourBitRows, outputs: readonly number[]): FourBitRows {
  const { inputs, values, steps, scales } = rows;
  const blocks = steps.length / scales.length;
  const selected: FourBitRows = {
    inputs,
    values: new Int8Array(outputs.length * inputs),
    steps: new Uint8Array(outputs.length * blocks),
    scales: Float32Array.from(outputs, (n) => scales[n]!),
  };
  for (const [i, n] of outputs.entries()) {
    selected.values.set(values.subarray(n * inputs, (n + 1) * inputs), i * inputs);
    selected.steps.set(steps.subarray(n * blocks, (n + 1) * blocks), i * blocks);
  }
  return selected;
}

/** (outputs, inputs): the weights that the values stand for */
export function fourBitWeights({ inputs, values, steps, scales }: FourBitRows): Float32Array {
  const blocks = steps.length / scales.length;
  const outliers = inputs - blocks * STEP_INPUTS;
  return Float32Array.from(values, (value, i) => {
    const [row, k] = [Math.floor(i / inputs), i % inputs];
    const step = k < outliers ? 1 : steps[row * blocks + Math.floor((k - outliers) / STEP_INPUTS)]!;
    return value * step * scales[row]!;
  });
}

/** In the order in which the engine unpacks them. Outliers, the first inputs, have 8 bits in steps of the same scale. */
export function packFourBits({ inputs: K, values, steps, scales }: FourBitRows): PackedMatrix {
  const outputs = scales.length;
  const outliers = K - (steps.length / outputs) * STEP_INPUTS;
  const main = K - outliers;
  const blocks = main / STEP_INPUTS;
  const panelBytes = 8 * outliers + 4 * main + 8 * blocks;
  const packed: PackedMatrix = {
    weight: new Int8Array((outputs / 8) * panelBytes),
    scale: scales,
    ...emptySums(outputs),
  };
  const asEightBits = new Int8Array(K * outputs);
  for (let n = 0; n < outputs; n++) {
    const panel = (n >> 3) * panelBytes;
    const fourBits = panel + 8 * outliers;
    let [sum, ofOutliers] = [0, 0];
    for (let k = 0; k < K; k++) {
      const q = values[n * K + k] as number;
      const place = (k >> 2) * 32 + (n & 7) * 4 + (k & 3);
      const i = k - outliers;
      let value = q;
      if (i < 0) {
        packed.weight[panel + place] = q;
        ofOutliers += q;
      } else {
        const at = fourBits + (i >> 3) * 32 + (n & 7) * 4 + (i & 3);
        // Lower halves are written first.
        packed.weight[at] = packed.weight[at]! + ((q + 8) << (i & 4));
        value = q * steps[n * blocks + Math.floor(i / STEP_INPUTS)]!;
        sum += value;
      }
      asEightBits[(n >> 3) * 8 * K + place] = value;
    }
    for (let block = 0; block < blocks; block++) {
      packed.weight[fourBits + 4 * main + 8 * block + (n & 7)] = steps[n * blocks + block] as number;
    }
    packed.sum[n] = scales[n]! * sum;
    packed.outlier_sum[n] = scales[n]! * ofOutliers;
  }
  proveNoOverflow(asEightBits, K);
  return packed;
}
