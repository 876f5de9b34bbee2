/** A model that is loaded, runs, fails and is replaced, with backends that a test makes up. */
import { describe, expect, it, vi } from 'vitest';

import { RunQueue } from '../../../src/concurrency/run-queue.ts';
import type { Backend, BackendKind, Encoding } from '../../../src/inference/backend.ts';
import { LOAD_LEASE_MS } from '../../../src/limits.ts';
import { type DeployedModel, deployedModel, ModelEvicted } from '../../../src/model/deployed-model.ts';
import { ModelObjectError } from '../../../src/model/bucket.ts';
import { readAhead } from '../../../src/model/object-store.ts';
import { logitsOf, smallModel } from './small-model.ts';

const { name, store } = await smallModel();
const reads = () => readAhead(store);

interface Made {
  readonly log: string[];
  readonly model: DeployedModel;
}

/** @param backends the backends that are created, one after the other @param created is called in `create`, after the file was read */
function deployed(
  backends: (created: number) => Partial<Backend>,
  created: (created: number) => unknown = () => undefined,
): Made {
  const log: string[] = [];
  let count = 0;
  const kind: BackendKind = {
    description: { name: 'made up', build: '', instruction_set: '' },
    numerics: 'made up',
    file: 'model.efm',
    async create(file) {
      const i = count++;
      log.push(`${i} begins`);
      await file.read(() => undefined);
      await created(i);
      log.push(`${i} is read`);
      return {
        run: async (batch) => logitsOf(batch, i),
        dispose: async () => void log.push(`${i} is disposed`),
        ...backends(i),
      };
    },
  };
  const queue = new RunQueue({ max_work: 1, slice: 1, lease_ms: 1, patience_ms: 1 });
  const model = deployedModel(name, kind, 200e9, { queue, makeRoom: async (_, beat) => beat() });
  return { log, model };
}

/** A run of nothing fails. */
const failing = {
  async run(batch: readonly Encoding[]) {
    if (batch.length === 0) throw new Error('broken');
    return logitsOf(batch);
  },
};

const left = () => Promise.reject(new Error('the client has left'));

describe('a run that fails', () => {
  it('disposes its backend at once: no request that waits runs on it', async () => {
    const { log, model } = deployed(() => failing);
    const waiting = await model.load(reads());
    const { backend, tokenizer } = await model.load(reads());
    await expect(backend.run([])).rejects.toThrow('broken');
    expect(log).toEqual(['0 begins', '0 is read', '0 is disposed']);
    const batch = [tokenizer.encode({ text: 'love', masks: [] })];
    await expect(waiting.backend.run(batch)).rejects.toThrow(ModelEvicted);
    const again = await model.load(reads());
    expect(again).not.toBe(waiting);
    expect(await again.backend.run(batch)).toEqual(logitsOf(batch));
    // What was loaded before runs on the new backend, and drops that when it fails.
    await expect(waiting.backend.run([])).rejects.toThrow('broken');
    expect(log.slice(3)).toEqual(['1 begins', '1 is read', '1 is disposed']);
    expect(await model.load(reads())).not.toBe(again);
  });

  it('is reported, even if its backend cannot be disposed', async () => {
    const { model } = deployed(() => ({ ...failing, dispose: () => Promise.reject(new Error('no such session')) }));
    const { backend } = await model.load(reads());
    await expect(backend.run([])).rejects.toThrow('broken');
    await expect(backend.run([])).rejects.toThrow(ModelEvicted);
  });

  it('by logits that are not finite numbers disposes its backend, too', async () => {
    const { log, model } = deployed(() => ({
      run: async (batch) => logitsOf(batch, batch.length > 1 ? NaN : 0),
    }));
    const { backend, tokenizer } = await model.load(reads());
    const encoding = tokenizer.encode({ text: '[MASK]', masks: [{ start: 0, end: 6 }] });
    expect(await backend.run([encoding])).toHaveLength(1);
    await expect(backend.run([encoding, encoding])).rejects.toThrow('not finite');
    expect(log.at(-1)).toBe('0 is disposed');
  });

  it('after another one has replaced its backend leaves the new one alone', async () => {
    const fail: ((error: Error) => void)[] = [];
    const { log, model } = deployed(() => ({
      run: (batch) =>
        batch.length > 0 ? Promise.resolve(logitsOf(batch)) : new Promise((_, reject) => void fail.push(reject)),
    }));
    const { backend } = await model.load(reads());
    const late = backend.run([]);
    const soon = backend.run([]);
    fail[1]?.(new Error('first'));
    await expect(soon).rejects.toThrow('first');
    const again = await model.load(reads());
    fail[0]?.(new Error('late'));
    await expect(late).rejects.toThrow('late');
    expect(await model.load(reads())).toBe(again);
    expect(log.filter((line) => line.endsWith('disposed'))).toEqual(['0 is disposed']);
  });

  it('because its request has to stop leaves the backend as it is', async () => {
    const { log, model } = deployed(() => ({
      async run(batch, pause) {
        await pause?.(1);
        return logitsOf(batch);
      },
    }));
    const loaded = await model.load(reads());
    await expect(loaded.backend.run([], left)).rejects.toThrow('the client has left');
    expect(await model.load(reads())).toBe(loaded);
    expect(log).toEqual(['0 begins', '0 is read']);
  });
});

describe('a load', () => {
  it('whose first run traps blames the object', async () => {
    const { model, log } = deployed(() => ({ run: () => Promise.reject(new WebAssembly.RuntimeError('unreachable')) }));
    const failed = model.load(reads());
    await expect(failed).rejects.toThrow(ModelObjectError);
    await expect(failed).rejects.toThrow(/model\.efm cannot be used: unreachable/);
    expect(log.at(-1)).toBe('0 is disposed');
  });

  it('that another one has replaced while it read gets the model of the other', async () => {
    const clock = vi.spyOn(Date, 'now');
    const { log, model } = deployed(() => ({}));
    const slow = {
      ...store,
      async get(key: string) {
        const found = await store.get(key);
        if (!found?.body || !key.endsWith('.efm')) return found;
        const body = new ReadableStream({
          type: 'bytes',
          async pull(controller) {
            // The other one begins and ends in the middle of this read.
            clock.mockReturnValue(Date.now() + LOAD_LEASE_MS + 1);
            await model.load(reads());
            controller.enqueue(new Uint8Array(found.size));
            controller.close();
            controller.byobRequest?.respond(0);
          },
        });
        return { ...found, body };
      },
    };
    const late = await model.load(readAhead(slow));
    expect(late).toBe(await model.load(reads()));
    expect(log).toEqual(['0 begins', '1 begins', '1 is read']);
    clock.mockRestore();
  });

  it('that another one has replaced after it read disposes its own backend', async () => {
    const clock = vi.spyOn(Date, 'now');
    const { log, model } = deployed(
      () => ({}),
      async (i) => {
        if (i > 0) return;
        clock.mockReturnValue(Date.now() + LOAD_LEASE_MS + 1);
        await model.load(reads());
      },
    );
    const late = await model.load(reads());
    expect(late).toBe(await model.load(reads()));
    expect(log).toEqual(['0 begins', '1 begins', '1 is read', '0 is read', '0 is disposed']);
    clock.mockRestore();
  });

  it('that ends late does not free the model, while another one uses it', async () => {
    const clock = vi.spyOn(Date, 'now');
    let isLateOver = false;
    let isBusy = false;
    const { model } = deployed(
      () => ({}),
      async (i) => {
        if (i === 1) {
          // The late one ends while this one goes on.
          await vi.waitUntil(() => isLateOver);
          isBusy = model.isBusy;
        } else {
          clock.mockReturnValue(Date.now() + LOAD_LEASE_MS + 1);
          void other();
          throw new Error('the late one fails');
        }
      },
    );
    let loading: Promise<unknown> | undefined;
    const other = async () => {
      loading = model.load(reads());
      await loading;
    };
    await expect(model.load(reads())).rejects.toThrow('the late one fails');
    isLateOver = true;
    await loading;
    expect([isBusy, model.isBusy]).toEqual([true, false]);
    clock.mockRestore();
  });
});
