import { describe, expect, it } from 'vitest';

import { topCandidates } from '../../../src/predict/top-k.ts';

/** The definition, without protection from overflow: exp(x) over the sum of all. */
const softmax = (logits: number[]) => logits.map((x) => Math.exp(x) / logits.reduce((sum, y) => sum + Math.exp(y), 0));

const logSumExp = (logits: number[]) => {
  const largest = Math.max(...logits);
  return largest + Math.log(logits.reduce((sum, x) => sum + Math.exp(x - largest), 0));
};
const top = (logits: number[], top_k: number) => topCandidates(Float32Array.from(logits), logSumExp(logits), top_k);

describe('topCandidates', () => {
  const logits = Array.from({ length: 500 }, (_, id) => 5 * Math.sin(id * id));

  it.each([1, 5, 100, 500])('gives the %i largest with their softmax', (top_k) => {
    const expected = softmax(logits)
      .map((score, token) => ({ token, score }))
      .toSorted((a, b) => b.score - a.score)
      .slice(0, top_k);
    const found = top(logits, top_k);
    expect(found.map(({ token }) => token)).toEqual(expected.map(({ token }) => token));
    for (const [i, { score }] of found.entries()) expect(score).toBeCloseTo(expected[i]?.score ?? NaN, 6);
  });

  it('puts the lower id first among equals', () => {
    expect(top([0, 3, 1, 3, 3], 3).map(({ token }) => token)).toEqual([1, 3, 4]);
  });

  it('gives all ids if top_k exceeds their number', () => {
    expect(top([1, 2], 5)).toHaveLength(2);
  });

  it('does not overflow', () => {
    expect(top([1000, 1000], 1)).toEqual([{ token: 0, score: expect.closeTo(0.5, 9) }]);
  });
});
