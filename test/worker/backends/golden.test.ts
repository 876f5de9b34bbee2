/** Compares the worker's int8 answers in workerd with `transformers` in float32 on the same checkpoint. */
import { beforeAll, describe, expect, it } from 'vitest';

import type { Prediction } from '../../../src/schemas/fill-mask.ts';
import golden from '../../fixtures/golden.json';
import { fillBucket, freshApp } from '../bucket.ts';

/** quantization.json has what was measured, of all masks and of those where float32 is clear. */
const LEAST_AGREEMENT = 0.95;

const app = freshApp();
beforeAll(fillBucket);

describe('the answers of the worker', () => {
  it('have the first choice of transformers on at least 95 % of the masks', async () => {
    let masks = 0;
    let agreed = 0;
    let largest = 0;
    for (const { text, masks: expected } of golden.cases) {
      const response = await app.ask({ inputs: text });
      expect(response.status).toBe(200);
      const answer = await response.json<Prediction[] | Prediction[][]>();
      const lists = (expected.length === 1 ? [answer] : answer) as Prediction[][];
      expect(lists).toHaveLength(expected.length);
      for (const [m, candidates] of expected.entries()) {
        masks++;
        if (lists[m]?.[0]?.token === candidates[0]?.token) agreed++;
        for (const { token, token_str, score } of candidates) {
          const ours = lists[m]?.find((candidate) => candidate.token === token);
          if (!ours) continue; // Not among our five best: its score is unknown.
          expect(ours.token_str).toBe(token_str);
          largest = Math.max(largest, Math.abs(ours.score - score));
        }
      }
    }
    console.log(
      `int8 in workerd: same first choice as float32 on ${agreed} of ${masks} masks (${((100 * agreed) / masks).toFixed(2)} %), ` +
        `largest difference of a score ${largest.toFixed(4)}`,
    );
    expect(agreed / masks).toBeGreaterThanOrEqual(LEAST_AGREEMENT);
  }, 300_000);
});
