/** How the texts of a request are run in batches. */
import { describe, expect, it } from 'vitest';

import type { Encoding } from '../../../src/inference/backend.ts';
import { MAX_MASKS_PER_RUN, SLICE_WORK } from '../../../src/limits.ts';
import { runModel } from '../../../src/predict/runs.ts';
import { noWork } from '../../../src/predict/work.ts';

const withMasks = (masks: number): Encoding => ({
  input_ids: new Int32Array(20),
  token_type_ids: new Int32Array(20),
  masked_positions: new Int32Array(masks),
});

/** What happens in which order: the size of each run, and the index of each text whose logits are used. */
async function eventsOf(encodings: readonly Encoding[], costOf?: (encoding: Encoding) => number): Promise<string[]> {
  const events: string[] = [];
  const logits = { mlm: new Float32Array(), log_sum_exp: new Float64Array(), sentence: new Float32Array() };
  const run = (batch: readonly Encoding[]) => {
    events.push(`run ${batch.length}`);
    return Promise.resolve(batch.map(() => logits));
  };
  const runner = costOf ? { run, costOf } : { run };
  await runModel(encodings, runner, noWork(), (_, index) => events.push(`use ${index}`));
  return events;
}

describe('runModel', () => {
  it('uses the logits of each batch before the next one runs, so that a request that waits holds none', async () => {
    const halfSlices = Array.from({ length: 3 }, () => withMasks(1));
    expect(await eventsOf(halfSlices, () => SLICE_WORK / 2)).toEqual(['run 2', 'use 0', 'use 1', 'run 1', 'use 2']);
  });

  it('runs a text alone that is more than a slice of work', async () => {
    expect(await eventsOf([withMasks(1), withMasks(1)], () => 2 * SLICE_WORK)).toEqual([
      'run 1',
      'use 0',
      'run 1',
      'use 1',
    ]);
  });

  it('asks for no more rows of logits at once than a run may have', async () => {
    const events = await eventsOf(Array.from({ length: 5 }, () => withMasks(MAX_MASKS_PER_RUN / 2)));
    expect(events.filter((event) => event.startsWith('run'))).toEqual(['run 2', 'run 2', 'run 1']);
  });
});
