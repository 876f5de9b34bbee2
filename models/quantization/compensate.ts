/**
 * Rounding that compensates its errors (GPTQ, Frantar et al. 2022): the weights of an output are rounded one after another, and each
 * takes over what the errors of the previous ones add to the output on a text. No I/O. Plain double arithmetic in a fixed order.
 */

/** What the rounding of one matrix needs to know of its input. */
export interface Compensation {
  /** (inputs,): channels from the last to be rounded to the first */
  readonly order: Int32Array;
  /**
   * (inputs, inputs), lower triangle, in that order: if the weight of row r is rounded with an error e, that of row c < r takes over
   * e × carried[r][c].
   */
  readonly carried: Float64Array;
}

/**
 * Added to the energy of each channel, as a fraction of their mean. A text of a thousand tokens says little of how channels go
 * together: with 0.01, as for longer texts, the outputs on another text are as wrong as without compensation.
 */
const DAMPING = 0.4;

/** Rows that are multiplied together, since they share the other one. */
const ROWS = 4;

/**
 * The errors e of an output cost e H eᵀ, with H the products of the channels. By H = U D Uᵀ, that is a sum of squares, in each of which
 * one more error appears: each weight can make up for what stands there already.
 * @param tokens (inputs,) each: the input of the matrix on a text, in the order of its columns
 * @param outliers the number of channels with finer steps, which come first in a matrix
 */
export function compensationFor(tokens: readonly Float32Array[], inputs: number, outliers: number): Compensation {
  const energy = new Float64Array(inputs);
  for (const row of tokens) for (let k = 0; k < inputs; k++) energy[k]! += row[k]! * row[k]!;
  // Outliers are rounded last, since they lose least. Among the others, large channels are rounded before small ones.
  const order = Int32Array.from(energy.keys()).toSorted((a, b) =>
    a < outliers === b < outliers ? energy[a]! - energy[b]! || a - b : a < outliers ? -1 : 1,
  );
  const channels = new Float64Array(inputs * tokens.length);
  for (const [r, channel] of order.entries()) {
    for (const [t, row] of tokens.entries()) channels[r * tokens.length + t] = row[channel]!;
  }
  const damping = (DAMPING * energy.reduce((sum, one) => sum + one, 0)) / inputs || 1;
  // In this order, from the last to the first, U is the lower triangle of Cholesky's method.
  const carried = new Float64Array(inputs * inputs);
  const [products, before] = [new Float64Array(ROWS), new Float64Array(ROWS)];
  for (let from = 0; from < inputs; from += ROWS) {
    for (let c = 0; c < from + ROWS; c++) {
      multiplyRows(channels, tokens.length, from, c, tokens.length, products);
      multiplyRows(carried, inputs, from, c, c, before);
      for (let r = Math.max(from, c); r < from + ROWS; r++) {
        const rest = products[r - from]! - before[r - from]!;
        carried[r * inputs + c] = r === c ? Math.sqrt(rest + damping) : rest / carried[c * inputs + c]!;
      }
    }
  }
  for (let r = 0; r < inputs; r++) {
    for (let c = 0; c < r; c++) carried[r * inputs + c]! /= carried[c * inputs + c]!;
  }
  return { order, carried };
}

/** The first `length` elements of four rows from `row`, times those of another one. */
function multiplyRows(
  matrix: Float64Array,
  width: number,
  row: number,
  other: number,
  length: number,
  sums: Float64Array,
): void {
  const [row0, row1, row2, row3] = [row * width, (row + 1) * width, (row + 2) * width, (row + 3) * width];
  const from = other * width;
  let [sum0, sum1, sum2, sum3] = [0, 0, 0, 0];
  for (let i = 0; i < length; i++) {
    const value = matrix[from + i]!;
    sum0 += matrix[row0 + i]! * value;
    sum1 += matrix[row1 + i]! * value;
    sum2 += matrix[row2 + i]! * value;
    sum3 += matrix[row3 + i]! * value;
  }
  sums[0] = sum0;
  sums[1] = sum1;
  sums[2] = sum2;
  sums[3] = sum3;
}

/**
 * @param weights (inputs,) of one output
 * @param values (inputs,): rewritten
 * @param widthOf the size of a step of a channel
 * @param mostOf the largest value of a channel
 */
export function roundCompensated(
  { order, carried }: Compensation,
  weights: Float32Array,
  values: Int8Array,
  widthOf: (channel: number) => number,
  mostOf: (channel: number) => number,
): void {
  const taken = new Float64Array(weights.length);
  for (let r = weights.length - 1; r >= 0; r--) {
    const channel = order[r]!;
    const [width, most] = [widthOf(channel), mostOf(channel)];
    const value = Math.max(-most, Math.min(most, Math.round((weights[channel]! + taken[r]!) / width)));
    values[channel] = value;
    const error = weights[channel]! - value * width;
    const row = r * weights.length;
    for (let c = 0; c < r; c++) taken[c]! += error * carried[row + c]!;
  }
}
