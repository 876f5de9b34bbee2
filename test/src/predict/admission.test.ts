/** Admission and the budget of a caller. */
import { describe, expect, it, vi } from 'vitest';

import { RunQueue } from '../../../src/concurrency/run-queue.ts';
import type { Manifest } from '../../../src/model/manifest.ts';
import { checkLongestText, type LoadedModel } from '../../../src/model/loaded-model.ts';
import { admitWork } from '../../../src/predict/admission.ts';
import { fail, ok } from '../../../src/result.ts';

const architecture = { hidden_size: 8, intermediate_size: 8, num_hidden_layers: 1, embedding_size: 8, vocab_size: 8 };
const LIMITED = { reason: 'rate_limited', of: 'expensive requests', retry_after_s: 60 } as const;
const noBeat = () => undefined;

function modelOf(charge: LoadedModel['charge']) {
  const queue = new RunQueue({ max_work: 100, slice: 10, lease_ms: 1_000, patience_ms: 1_000 });
  const manifest = { id: 'a', revision: 'b', architecture };
  return { queue, model: { queue, manifest, max_work: 80, charge } as unknown as LoadedModel };
}

describe('the work of a request', () => {
  it('up to the limit is charged once, and is over when it has ended', async () => {
    const charge = vi.fn<NonNullable<LoadedModel['charge']>>(async () => ok(undefined));
    const { queue, model } = modelOf(charge);
    expect(await admitWork('texts', 80, model, noBeat, async () => queue.work)).toEqual(ok(80));
    expect(charge).toHaveBeenCalledTimes(1);
    expect(queue.work).toBe(0);
    await expect(admitWork('texts', 80, model, noBeat, () => Promise.reject(new Error('trap')))).rejects.toThrow(
      'trap',
    );
    expect(queue.work).toBe(0);
  });

  it.each([
    ['above the limit', 81, 'too_much_work'],
    ['that finds too much before it', 80, 'overloaded'],
  ])('%s is not charged', async (_, work, reason) => {
    const charge = vi.fn<NonNullable<LoadedModel['charge']>>(async () => ok(undefined));
    const { queue, model } = modelOf(charge);
    queue.admit('a', 21);
    expect(await admitWork('texts', work, model, noBeat, () => Promise.resolve())).toMatchObject({ error: { reason } });
    expect(charge).not.toHaveBeenCalled();
  });

  it('that cannot be paid takes no room and does not run', async () => {
    const use = vi.fn<() => Promise<void>>(async () => undefined);
    const { queue, model } = modelOf(async () => fail(LIMITED));
    expect(await admitWork('texts', 80, model, noBeat, use)).toEqual(fail(LIMITED));
    expect(queue.work).toBe(0);
    const broken = modelOf(() => Promise.reject(new Error('the limiter is down')));
    await expect(admitWork('texts', 80, broken.model, noBeat, use)).rejects.toThrow('the limiter is down');
    expect(broken.queue.work).toBe(0);
    expect(use).not.toHaveBeenCalled();
  });
});

it('of the longest text has to be payable', () => {
  // ALBERT-xlarge.
  const manifest = {
    id: 'xlarge',
    revision: 'b',
    architecture: {
      hidden_size: 2048,
      intermediate_size: 8192,
      num_hidden_layers: 24,
      num_attention_heads: 16,
      embedding_size: 128,
      vocab_size: 30_000,
      max_position_embeddings: 512,
    },
  } as unknown as Manifest;
  expect(() => checkLongestText(manifest, 'model.efm', 600e9, 'EXPENSIVE_LIMIT')).toThrow(
    /xlarge.* cannot be used: .* needs 6\d\d\.\d billion .* raise the limit of EXPENSIVE_RATE_LIMITER and the variable EXPENSIVE_LIMIT/,
  );
  expect(() => checkLongestText(manifest, 'model.efm', 700e9, 'EXPENSIVE_LIMIT')).not.toThrow();
});
