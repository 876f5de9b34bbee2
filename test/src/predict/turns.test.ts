/** The turns of a request: a model that is loaded again, time that is counted, and when to try again. */
import { describe, expect, it, vi } from 'vitest';

import { RunQueue } from '../../../src/concurrency/run-queue.ts';
import type { Backend, Encoding } from '../../../src/inference/backend.ts';
import { SLOW_WORK_PER_SECOND } from '../../../src/limits.ts';
import { ModelEvicted } from '../../../src/model/deployed-model.ts';
import type { LoadedModel } from '../../../src/model/loaded-model.ts';
import { admitWork } from '../../../src/predict/admission.ts';
import { runModel } from '../../../src/predict/runs.ts';
import { noWork } from '../../../src/predict/work.ts';
import { ok } from '../../../src/result.ts';

const architecture = { hidden_size: 8, intermediate_size: 8, num_hidden_layers: 1, embedding_size: 8, vocab_size: 8 };
const batch: Encoding[] = [
  { input_ids: Int32Array.of(1), token_type_ids: Int32Array.of(0), masked_positions: Int32Array.of(0) },
];
const noBeat = () => undefined;

/** A model whose backends fail by `errors`, one run after the other. */
function modelOf(errors: readonly Error[], hasReload = true) {
  const log: string[] = [];
  let runs = 0;
  const backendOf = (name: string): Backend => ({
    run() {
      log.push(`${name} runs`);
      const error = errors[runs++];
      return error ? Promise.reject(error) : Promise.resolve([]);
    },
  });
  let loads = 0;
  const waited = vi.fn<NonNullable<LoadedModel['waited']>>();
  const queue = new RunQueue({ max_work: 1e12, slice: 1e12, lease_ms: 10_000, patience_ms: 10_000 });
  const base = { queue, manifest: { id: 'a', revision: 'b', architecture }, max_work: 1e12, waited };
  const reload = async () => ({ ...base, backend: backendOf(`load ${++loads}`) });
  const model = { ...base, backend: backendOf('load 0'), ...(hasReload && { reload }) } as unknown as LoadedModel;
  const run = () => admitWork('texts', 1, model, noBeat, (runner) => runner.run(batch));
  return { log, model, queue, run, waited };
}
const evicted = (times: number) => Array.from({ length: times }, () => new ModelEvicted('released'));

describe('a turn', () => {
  it('whose model was released runs on the one that is loaded again', async () => {
    const { log, run, waited, queue } = modelOf(evicted(2));
    expect(await run()).toEqual(ok([]));
    expect(log).toEqual(['load 0 runs', 'load 1 runs', 'load 2 runs']);
    expect(waited.mock.calls).toEqual([[expect.any(Number)]]);
    expect(waited.mock.calls[0]?.[0]).toBeLessThan(10_000);
    expect(queue.work).toBe(0);
  });

  it('loads it five times, and then no more', async () => {
    const enough = modelOf(evicted(5));
    expect(await enough.run()).toEqual(ok([]));
    const { log, run } = modelOf(evicted(6));
    await expect(run()).rejects.toThrow(ModelEvicted);
    expect(log).toHaveLength(6);
  });

  it.each<[string, ReturnType<typeof modelOf>]>([
    ['that fails in another way', modelOf([new Error('released')])],
    ['of a model that cannot be loaded again', modelOf(evicted(1), false)],
  ])('%s is not tried again', async (_, { log, run }) => {
    await expect(run()).rejects.toThrow('released');
    expect(log).toEqual(['load 0 runs']);
  });
});

it('a request that finds too much work is told when that will be done, on a slow machine', async () => {
  const { model, queue } = modelOf([]);
  queue.admit('a', 2.5 * SLOW_WORK_PER_SECOND);
  const asked = { ...model, max_work: Infinity };
  expect(await admitWork('texts', 1e12, asked, noBeat, async () => undefined)).toEqual({
    ok: false,
    error: { reason: 'overloaded', retry_after_s: 3 },
  });
});

it('the time of all runs is counted', async () => {
  const now = vi.spyOn(performance, 'now');
  let time = 100;
  now.mockImplementation(() => time);
  const work = noWork();
  const logits = { mlm: new Float32Array(), log_sum_exp: new Float64Array(), sentence: new Float32Array() };
  const run: Backend['run'] = async (texts) => {
    time += 7;
    return texts.map(() => logits);
  };
  await runModel([...batch, ...batch], { run, costOf: () => Infinity }, work, () => undefined);
  now.mockRestore();
  expect(work).toMatchObject({ tokens: 2, masks: 2, infer_ms: 14 });
});
