/** Rounds a weight matrix to int8 with a scale for each row. No I/O; deterministic. */
import type { Linear } from '../checkpoint/encoder.ts';

export interface QuantizedRows {
  /** (rows, columns), each in [-127, 127]: symmetric, so there is no zero point. */
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
 * Divisors for the channels of an input, so that large channels do not determine the quantization step of small ones: the square
 * root of a channel's range over the range of its weights (SmoothQuant, Xiao et al. 2023, α = ½).
 * @param range (inputs,)
 * @returns (inputs,)
 */
export function smoothing(range: Float32Array, { weight, inputs }: Pick<Linear, 'weight' | 'inputs'>): Float32Array {
  const weights = new Float32Array(inputs);
  for (const [i, w] of weight.entries()) weights[i % inputs] = Math.max(weights[i % inputs] as number, Math.abs(w));
  const divisors = range.map((largest, channel) => Math.sqrt(largest / weights[channel]!));
  // A channel whose values or weights are all zero may have any divisor.
  return divisors.map((divisor) => (divisor > 0 && Number.isFinite(divisor) ? divisor : 1));
}

/** The matrix for an input with divided channels: (outputs, inputs) with each column multiplied. */
export function multiplyColumns<T extends Pick<Linear, 'weight' | 'inputs'>>(linear: T, factors: Float32Array): T {
  const weight = linear.weight.map((w, i) => w * factors[i % linear.inputs]!);
  return { ...linear, weight };
}

/** Joins several matrices with the same input. */
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
