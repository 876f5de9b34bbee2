/** Rounds a weight matrix to int8, a scale for each row. No I/O, and the same result on every machine. */
import { layerOrder } from '../../src/inference/efm-format.ts';
import type { EncoderWeights, LayerNorm, Linear } from '../checkpoint/encoder.ts';

export interface QuantizedRows {
  /** (rows, columns), each in [-127, 127]: symmetric, so that there is no zero point. */
  readonly values: Int8Array;
  /** (rows,): the weight is value × scale. */
  readonly scales: Float32Array;
}

/** @param weight (rows, columns), row-major */
export function quantizeRows(weight: Float32Array, rows: number, columns: number): QuantizedRows {
  const values = new Int8Array(weight.length);
  const scales = new Float32Array(rows);
  for (let r = 0; r < rows; r++) {
    const row = weight.subarray(r * columns, (r + 1) * columns);
    let largest = 0;
    for (const w of row) largest = Math.max(largest, Math.abs(w));
    const scale = Math.fround(largest / 127) || 1; // A row of zeros needs some scale.
    scales[r] = scale;
    for (let c = 0; c < columns; c++) {
      values[r * columns + c] = Math.max(-127, Math.min(127, Math.round(row[c]! / scale)));
    }
  }
  return { values, scales };
}

/**
 * What to divide each channel of a layer-norm's output by, so that its large channels do not take the steps from the small
 * ones: the square root of how large the channel is over how large its weights are (SmoothQuant, Xiao et al. 2023, α = ½).
 * How large a channel is follows from its gamma and beta; no text is needed for it.
 * @returns (inputs,)
 */
function smoothing({ gamma, beta }: LayerNorm, { weight, inputs }: Pick<Linear, 'weight' | 'inputs'>): Float32Array {
  const weights = new Float32Array(inputs);
  for (const [i, w] of weight.entries()) weights[i % inputs] = Math.max(weights[i % inputs]!, Math.abs(w));
  const divisors = gamma.map((g, channel) => {
    const values = 3 * Math.abs(g) + Math.abs(beta[channel]!); // Three standard deviations.
    return Math.sqrt(values / weights[channel]!);
  });
  // A channel that is always zero, or that nothing weighs, may be divided by anything.
  return divisors.map((divisor) => (divisor > 0 && Number.isFinite(divisor) ? divisor : 1));
}

/** What to divide the inputs of the two products of a stored layer by that come after a layer-norm. (hidden_size,) each. */
export function divisorsOf(
  weights: EncoderWeights,
  stored: number,
): { attentionDivisors: Float32Array; feedForwardDivisors: Float32Array } {
  const { config, embeddings, layers } = weights;
  const layer = layers[stored];
  if (!layer) throw new RangeError(`there is no layer ${stored}`);
  // A layer that is applied several times has several before it: that of its last application.
  const order = layerOrder(config);
  const at = order.lastIndexOf(stored);
  const first = embeddings.projection ? undefined : embeddings.norm;
  const before = at > 0 ? layers[order[at - 1] ?? 0]?.outputNorm : first;
  return {
    attentionDivisors: before
      ? smoothing(before, concatenate(layer.query, layer.key, layer.value))
      : new Float32Array(config.hidden_size).fill(1),
    feedForwardDivisors: smoothing(layer.attentionNorm, layer.feedForward),
  };
}

/** The matrix for an input whose channels were divided: (outputs, inputs) with each column multiplied. */
export function multiplyColumns<T extends Pick<Linear, 'weight' | 'inputs'>>(linear: T, factors: Float32Array): T {
  const weight = linear.weight.map((w, i) => w * factors[i % linear.inputs]!);
  return { ...linear, weight };
}

/** Several matrices that meet the same input, as one. */
export function concatenate(...linears: [Linear, ...Linear[]]): Linear {
  const join = (field: 'weight' | 'bias') => {
    const joined = new Float32Array(linears.reduce((size, linear) => size + linear[field].length, 0));
    let at = 0;
    for (const linear of linears) {
      joined.set(linear[field], at);
      at += linear[field].length;
    }
    return joined;
  };
  const outputs = linears.reduce((size, linear) => size + linear.outputs, 0);
  return { inputs: linears[0].inputs, outputs, weight: join('weight'), bias: join('bias') };
}
