/** The bound on the work of a joint search. test/src/predict/predict.test.ts compares the search with a reference. */
import { expect, it } from 'vitest';

import type { Encoding } from '../../../src/inference/backend.ts';
import { searchWork } from '../../../src/predict/joint.ts';

const costOf = (tokens: number, rows: number) => 1000 * tokens + rows;

it.each([
  [1, 1, [6001]],
  [1, 9, [6001]],
  [2, 3, [6002, 3 * 6001]],
  [3, 5, [6003, 5 * 6002, 5 * 6001]],
])('a search over %i masks with %i beams costs one run, then one for each beam at each step', (masks, beams, runs) => {
  const encoding: Encoding = {
    input_ids: new Int32Array(6),
    token_type_ids: new Int32Array(6),
    masked_positions: new Int32Array(masks),
  };
  expect(searchWork(encoding, beams, costOf)).toBe(runs.reduce((sum, run) => sum + run));
});
