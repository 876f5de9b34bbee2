/** Rounding to 4 bits that compensates its errors: smaller errors on another text, the same bytes, and inputs that say nothing. */
import { describe, expect, it } from 'vitest';

import { seeded } from '../../../models/evaluation/random.ts';
import { compensationFor } from '../../../models/quantization/compensate.ts';
import {
  type FourBitRows,
  fourBitWeights,
  packFourBits,
  quantizeToFourBits,
} from '../../../models/quantization/int4.ts';

const [INPUTS, OUTPUTS, COMMON] = [96, 16, 12];
const random = seeded(5);
const gaussian = () => Array.from({ length: 12 }, () => random(1000) / 1000).reduce((a, b) => a + b, -6);
const array = (length: number) => Float32Array.from({ length }, gaussian);

const matrix = { weight: array(INPUTS * OUTPUTS), inputs: INPUTS, outputs: OUTPUTS };
/** Channels go together, as those of a trained model do: they follow a few causes. */
const causes = Array.from({ length: COMMON }, () => array(INPUTS));
const textOf = (tokens: number) =>
  Array.from({ length: tokens }, () => {
    const [row, strengths] = [array(INPUTS), array(COMMON)];
    return row.map(
      (own, k) => 0.3 * own + causes.reduce((sum, cause, c) => sum + (strengths[c] ?? NaN) * (cause[k] ?? NaN), 0),
    );
  });
const [text, other] = [textOf(200), textOf(200)];

/** The squared error of the outputs on the other text. */
function errorOf(rows: FourBitRows): number {
  const errors = fourBitWeights(rows).map((w, i) => w - (matrix.weight[i] ?? NaN));
  let total = 0;
  for (const row of other) {
    for (let n = 0; n < OUTPUTS; n++) {
      const ofOutput = row.reduce((sum, value, k) => sum + value * (errors[n * INPUTS + k] ?? NaN), 0);
      total += ofOutput * ofOutput;
    }
  }
  return total;
}

describe('rounding to the nearest value', () => {
  it('changes no weight where a step of its block fits all of them, be it the largest', () => {
    // A scale of 1 for the first block, whose step is 18; the steps of the others are 1 and 5.
    const blocks = [126, 7, 35].map((largest) =>
      Array.from({ length: 32 }, (_, k) => (k % 4 === 0 ? (k % 8 === 0 ? largest : -largest) : 0)),
    );
    const weight = Float32Array.from(blocks.flat());
    const rows = quantizeToFourBits({ weight, inputs: weight.length, outputs: 1 });
    expect([...rows.steps]).toEqual([18, 1, 5]);
    expect(fourBitWeights(rows)).toEqual(weight);
  });
});

describe('rounding that compensates its errors', () => {
  it.each([0, 32])('has less than half of the error on another text, with %i outliers', (outliers) => {
    const nearest = quantizeToFourBits(matrix, outliers);
    const compensated = quantizeToFourBits(matrix, outliers, compensationFor(text, INPUTS, outliers));
    expect(errorOf(compensated)).toBeLessThan(errorOf(nearest) / 2);
    // Within the lanes of the kernels.
    expect(() => packFourBits(compensated)).not.toThrow();
    expect(compensated.values.every((value, i) => Math.abs(value) <= (i % INPUTS < outliers ? 127 : 7))).toBe(true);
  });

  it('gains from outliers, which are rounded last', () => {
    const [none, some] = [0, 32].map((outliers) =>
      errorOf(quantizeToFourBits(matrix, outliers, compensationFor(text, INPUTS, outliers))),
    );
    expect(some).toBeLessThan((none ?? 0) / 2);
  });

  it('gives the same bytes again', () => {
    const [once, again] = [1, 2].map(() => quantizeToFourBits(matrix, 32, compensationFor(text, INPUTS, 32)));
    expect(once).toEqual(again);
  });

  it.each([
    ['of zeros', Array.from({ length: 20 }, () => new Float32Array(INPUTS))],
    ['without tokens', []],
  ])('rounds to the nearest by a text %s', (_, empty) => {
    const rows = quantizeToFourBits(matrix, 32, compensationFor(empty, INPUTS, 32));
    expect(rows).toEqual(quantizeToFourBits(matrix, 32));
  });

  it('rounds the weights of a channel that is always zero to the nearest, and those of others as without it', () => {
    const dead = text.map((row) => row.with(40, 0));
    const rows = quantizeToFourBits(matrix, 32, compensationFor(dead, INPUTS, 32));
    const nearest = quantizeToFourBits(matrix, 32);
    for (let n = 0; n < OUTPUTS; n++) {
      expect(rows.values[n * INPUTS + 40]).toBe(nearest.values[n * INPUTS + 40]);
    }
    expect(errorOf(rows)).toBeLessThan(Infinity);
  });

  it('takes a single token', () => {
    const rows = quantizeToFourBits(matrix, 0, compensationFor(text.slice(0, 1), INPUTS, 0));
    expect(errorOf(rows)).toBeLessThan(1.5 * errorOf(quantizeToFourBits(matrix)));
  });
});
