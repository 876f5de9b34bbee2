/** No 16-bit lane of the engine's inner loop can overflow, and the proof finds one that could. */
import { describe, expect, it } from 'vitest';

import { seeded } from '../../../models/evaluation/random.ts';
import { packFourBits, quantizeToFourBits } from '../../../models/quantization/int4.ts';
import { LANE_LIMIT, packMatrix, proveNoOverflow } from '../../../models/quantization/lanes.ts';

const [INPUTS, OUTPUTS] = [64, 20];
const WIDTH = 24;

function weights(of: (k: number, n: number) => number): Float32Array {
  return Float32Array.from({ length: INPUTS * OUTPUTS }, (_, i) => of(i % INPUTS, Math.floor(i / INPUTS)));
}
/** The place of a weight in (N / 8, K / 4, 8, 4). */
const place = (k: number, n: number) => (((n >> 3) * (INPUTS / 4) + (k >> 2)) * 8 + (n & 7)) * 4 + (k & 3);

/**
 * The largest sum of a lane over all activations, found with the worst ones: 127 for every weight of one sign. Computed like the
 * instructions: products of neighbours in 16 bits, twice, added in 16 bits.
 */
function worstSum(packed: Int8Array): number {
  let worst = 0;
  for (let panel = 0; panel < WIDTH / 8; panel++) {
    for (let k = 0; k < INPUTS; k += 8) {
      for (let n = 0; n < 8; n++) {
        for (const pair of [0, 2]) {
          const four = [0, 1, 4, 5].map((more) => packed[place(k + pair + more, panel * 8 + n)] ?? NaN);
          for (const sign of [1, -1]) {
            const sum = four.reduce((total, w) => total + (w * sign > 0 ? 127 * w : 0), 0);
            worst = Math.max(worst, Math.abs(sum));
          }
        }
      }
    }
  }
  return worst;
}

describe('packed weights', () => {
  const random = seeded(3);
  const gaussian = () => Array.from({ length: 12 }, () => random(1000) / 1000).reduce((a, b) => a + b, -6);

  it.each([
    ['of a normal distribution', () => gaussian()],
    ['all as large as the largest', () => 1],
    ['all as small as the smallest', () => -1],
    ['of alternating signs', (k: number) => (k % 2 ? -1 : 1)],
    ['in pairs of one sign', (k: number) => (k % 4 < 2 ? 1 : -1)],
    ['zero', () => 0],
    ['of which four share a lane', (k: number) => ([8, 9, 12, 13].includes(k) ? 1 : gaussian() / 100)],
  ])('%s fit their lanes, whatever they are multiplied by', (_, of) => {
    const given = weights(of);
    const { weight, scale, sum } = packMatrix({ weight: given, inputs: INPUTS, outputs: OUTPUTS });
    expect(worstSum(weight)).toBeLessThanOrEqual(32_767);
    for (let n = 0; n < OUTPUTS; n++) {
      let total = 0;
      for (let k = 0; k < INPUTS; k++) {
        const value = weight[place(k, n)] ?? NaN;
        total += value;
        const step = scale[n] ?? NaN;
        expect(Math.abs(value * step - (given[n * INPUTS + k] ?? NaN))).toBeLessThanOrEqual(0.5001 * step);
      }
      expect(sum[n]).toBe(Math.fround((scale[n] ?? NaN) * total));
    }
  });

  it('sum their outliers, the first inputs, apart', () => {
    const given = weights(() => gaussian());
    const [all, split] = [0, 16].map((outliers) =>
      packMatrix({ weight: given, inputs: INPUTS, outputs: OUTPUTS }, outliers),
    );
    expect(split?.weight).toEqual(all?.weight);
    for (let n = 0; n < OUTPUTS; n++) {
      let ofOutliers = 0;
      for (let k = 0; k < 16; k++) ofOutliers += split?.weight[place(k, n)] ?? NaN;
      expect(split?.outlier_sum[n]).toBe(Math.fround((split?.scale[n] ?? NaN) * ofOutliers));
      expect((split?.sum[n] ?? NaN) + (split?.outlier_sum[n] ?? NaN)).toBeCloseTo(all?.sum[n] ?? NaN, 3);
    }
  });

  it('leave the padding after the last output at zero', () => {
    const { weight, scale } = packMatrix({ weight: weights(() => 1), inputs: INPUTS, outputs: OUTPUTS });
    for (let n = OUTPUTS; n < WIDTH; n++) {
      expect(scale[n]).toBe(0);
      for (let k = 0; k < INPUTS; k++) expect(weight[place(k, n)]).toBe(0);
    }
  });

  it.each([1.9e-43, 1e-43, 3e-44, 1.4e-45])('of %d, next to the least number there is, have a scale', (least) => {
    // There a thousandth more of a scale is the same number of float32.
    const { weight } = packMatrix({ weight: weights(() => least), inputs: INPUTS, outputs: OUTPUTS });
    expect(worstSum(weight)).toBeLessThanOrEqual(32_767);
    const eight = { weight: weights(() => least).subarray(0, 8 * INPUTS), inputs: INPUTS, outputs: 8 };
    expect(() => packFourBits(quantizeToFourBits(eight))).not.toThrow();
  });

  it('are refused where one is not finite', () => {
    for (const wrong of [NaN, Infinity]) {
      expect(() =>
        packMatrix({ weight: weights((k) => (k === 3 ? wrong : 1)), inputs: INPUTS, outputs: OUTPUTS }),
      ).toThrow('not finite');
    }
  });

  it('have as many steps as there can be where no lane is full', () => {
    const { weight } = packMatrix({
      weight: weights((k) => (k % 8 === 0 ? 1 : 0.1)),
      inputs: INPUTS,
      outputs: OUTPUTS,
    });
    expect(Math.max(...weight)).toBe(127);
  });
});

describe('the proof', () => {
  const { weight: sound } = packMatrix({ weight: weights(() => 1), inputs: INPUTS, outputs: OUTPUTS });

  it.each([1, -1])('notices one step too many, of sign %i, in any lane', (sign) => {
    for (const n of [0, 7, 8, 19]) {
      for (const k of [0, 1, 4, 5, 2, 63]) {
        const packed = Int8Array.from({ length: sound.length });
        const lane = k - (k % 8) + (k % 4 < 2 ? 0 : 2);
        const four = [lane, lane + 1, lane + 4, lane + 5];
        // Exactly at the limit, then one more at the position under test.
        const others = four.filter((at) => at !== k);
        for (const [i, at] of others.entries()) packed[place(at, n)] = sign * (i < 2 ? 100 : 50);
        packed[place(k, n)] = sign * (LANE_LIMIT - 250);
        expect(() => proveNoOverflow(packed, INPUTS)).not.toThrow();
        packed[place(k, n)] = sign * (LANE_LIMIT - 249);
        expect(() => proveNoOverflow(packed, INPUTS)).toThrow(
          `column ${n}: the weights of a 16-bit lane, at inputs ${lane}, ${lane + 1}, ${lane + 4} and ${lane + 5}`,
        );
      }
    }
  });

  it('is of what the loop reads: an odd number of steps is refused', () => {
    expect(() => proveNoOverflow(sound, 12)).toThrow('not a multiple of 8');
  });
});
