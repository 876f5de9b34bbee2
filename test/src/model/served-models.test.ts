/** Models that share the memory of an isolate, what a load refuses, and runs that keep a model busy. */
import { afterEach, describe, expect, it, vi } from 'vitest';

import { onEvent } from '../../../src/concurrency/events.ts';
import { ConfigurationError } from '../../../src/errors.ts';
import type { Backend } from '../../../src/inference/backend.ts';
import { RUN_LEASE_MS } from '../../../src/limits.ts';
import { ModelObjectError, readManifest } from '../../../src/model/bucket.ts';
import { ModelEvicted } from '../../../src/model/deployed-model.ts';
import { modelBytes } from '../../../src/model/memory.ts';
import { type ObjectStore, readAhead } from '../../../src/model/object-store.ts';
import { ServedModels } from '../../../src/model/served-models.ts';
import { kindOf, logitsOf, smallModel } from './small-model.ts';

const [a, b] = [await smallModel('a'), await smallModel('b')];
const store: ObjectStore = { get: async (key) => (await a.store.get(key)) ?? b.store.get(key) };
const [, revision = ''] = a.name.split('@');
/** Both are equal but for their id. */
const bytes = modelBytes('model.efm', await readManifest(store, 'a', revision, () => undefined));

afterEach(() => void vi.restoreAllMocks());

/** @returns the models, and what happened */
function served(max_bytes: number, backend: Partial<Backend> = {}) {
  const log: string[] = [];
  const events: object[] = [];
  onEvent((event) => void events.push(event));
  const kind = kindOf(() => {
    log.push('created');
    return { run: async (batch) => logitsOf(batch), dispose: async () => void log.push('disposed'), ...backend };
  });
  const models = new ServedModels(kind, 1e12, max_bytes);
  const load = (name: string, from = store) => models.get(name).load(readAhead(from));
  return { log, events, models, load };
}

describe('two models', () => {
  it('stay where they fit exactly', async () => {
    const { log, load } = served(2 * bytes);
    const first = await load(a.name);
    await load(b.name);
    expect(await load(a.name)).toBe(first);
    expect(log).toEqual(['created', 'created']);
  });

  it("take each other's place where a byte is missing, and one alone is always loaded", async () => {
    const { log, events, load } = served(2 * bytes - 1);
    const first = await load(a.name);
    await load(b.name);
    expect(log).toEqual(['created', 'disposed', 'created']);
    expect(events).toContainEqual({ event: 'model_evicted', model: a.name, for: b.name });
    await expect(first.backend.run([])).rejects.toThrow(ModelEvicted);
    expect(await load(a.name)).not.toBe(first);
    expect((await served(1).load(a.name)).manifest.id).toBe('a');
  });

  it('one of which was never loaded need no room', async () => {
    const { log, models, load } = served(bytes);
    models.peek(b.name);
    models.get(b.name);
    await load(a.name);
    expect(log).toEqual(['created']);
  });

  it('are given memory before they are loaded, where no other has to leave', async () => {
    const { models } = served(2 * bytes - 1);
    expect(models.reserve(a.name, bytes)).toBe(true);
    expect(models.reserve(a.name, bytes)).toBe(true);
    expect(models.reserve(b.name, bytes)).toBe(false);
    expect(models.reserve(b.name, bytes - 1)).toBe(true);
    expect(served(1).models.reserve(a.name, bytes)).toBe(true);
  });

  it('the least recently used one leaves', async () => {
    const c = await smallModel('c');
    const all: ObjectStore = { get: async (key) => (await store.get(key)) ?? c.store.get(key) };
    const { events, models, load } = served(2 * bytes);
    await load(a.name);
    await load(b.name);
    models.get(a.name);
    models.peek(b.name);
    await load(c.name, all);
    expect(events.filter((event) => 'for' in event)).toEqual([{ event: 'model_evicted', model: b.name, for: c.name }]);
  });
});

describe('a model', () => {
  it('that is loaded says how long that took', async () => {
    const { events, load } = served(bytes);
    await load(a.name);
    expect(events).toEqual([{ event: 'model_loaded', model: a.name, load_ms: expect.any(Number) }]);
    expect((events[0] as { load_ms: number }).load_ms).toBeLessThan(60_000);
  });

  it('whose tokenizer is damaged is refused by its name, and its backend is disposed', async () => {
    const damaged: ObjectStore = {
      async get(key) {
        const found = await store.get(key);
        if (!found?.body || !key.endsWith('tokenizer.bin')) return found;
        return { ...found, body: new Blob([new Uint8Array(found.size)]).stream() };
      },
    };
    const { log, load } = served(bytes);
    const error = await load(a.name, damaged).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ModelObjectError);
    expect((error as ModelObjectError).key).toMatch(/^.*a.*tokenizer\.bin$/);
    expect(log).toEqual(['created', 'disposed']);
  });

  it('of another length is refused, and its body is let go', async () => {
    const cancel = vi.fn<() => void>();
    const longer: ObjectStore = {
      async get(key) {
        const found = await store.get(key);
        if (!found || !key.endsWith('.efm')) return found;
        return { ...found, size: found.size + 1, body: new ReadableStream({ cancel }) };
      },
    };
    await expect(served(bytes).load(a.name, longer)).rejects.toThrow('has 65 bytes where the manifest says 64');
    expect(cancel).toHaveBeenCalledTimes(1);
  });

  it('is busy while a run makes progress, and for the length of a lease', async () => {
    const clock = vi.spyOn(Date, 'now');
    const start = Date.now();
    const busy: boolean[] = [];
    let isTested = false;
    const { models, load } = served(bytes, {
      async run(batch, pause) {
        if (isTested) {
          busy.push(models.peek(a.name).isBusy);
          clock.mockReturnValue(start + RUN_LEASE_MS - 1);
          await pause?.(1);
          clock.mockReturnValue(start + 2 * RUN_LEASE_MS - 2);
          busy.push(models.peek(a.name).isBusy);
          clock.mockReturnValue(start + 3 * RUN_LEASE_MS);
          busy.push(models.peek(a.name).isBusy);
        }
        isTested = true;
        return logitsOf(batch);
      },
    });
    const { backend } = await load(a.name);
    clock.mockReturnValue(start);
    expect(models.peek(a.name).isBusy).toBe(false);
    await backend.run([], () => undefined);
    expect(busy).toEqual([true, true, false]);
    expect(models.peek(a.name).isBusy).toBe(false);
  });

  it.each([
    ['one logit is not finite', (all: Float32Array) => all.fill(NaN, 3, 4), 'its logits are not finite numbers'],
    ['a logit is missing', (all: Float32Array) => all.subarray(1), /it has \d+ logits, and the manifest says \d+/],
    ['there are too many', (all: Float32Array) => Float32Array.from([...all, 0]), /it has \d+ logits, and the/],
  ])('of which %s is refused by name', async (_, change, problem) => {
    const { log, load } = served(bytes, {
      run: async (batch) => logitsOf(batch).map((one) => Object.assign(one, { mlm: change(one.mlm) })),
    });
    const error = await load(a.name).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ModelObjectError);
    expect((error as Error).message).toMatch(problem);
    expect(log).toEqual(['created', 'disposed']);
  });

  it.each(['a', '@1', 'a@', 'a@1@2', 'a/b@1', ''])('cannot be called "%s"', (name) => {
    expect(() => served(bytes).models.get(name)).toThrow(ConfigurationError);
    expect(() => served(bytes).models.peek(name)).toThrow(`name the model "${name}". Name it <id>@<revision>`);
  });

  it('stays while it runs, and while requests wait for it, then leaves', async () => {
    vi.useFakeTimers();
    try {
      const released = Promise.withResolvers<void>();
      let runs = 0;
      const { events, models, load } = served(bytes, {
        async run(batch, pause) {
          // The first run is the check of the load.
          if (runs++ === 1) await released.promise;
          await pause?.(1);
          return logitsOf(batch);
        },
      });
      const { backend, queue } = await load(a.name);
      const running = backend.run([]);
      const waiting = queue.admit(a.name, 1);
      const other = load(b.name);
      const evicted = () => events.some((event) => 'for' in event);
      await vi.advanceTimersByTimeAsync(RUN_LEASE_MS / 2);
      expect(evicted()).toBe(false);
      released.resolve();
      await running;
      await vi.advanceTimersByTimeAsync(RUN_LEASE_MS / 4);
      expect([models.peek(a.name).isBusy, evicted()]).toEqual([false, false]);
      if (waiting) queue.end(waiting);
      await vi.advanceTimersByTimeAsync(100);
      expect((await other).manifest.id).toBe('b');
      expect(evicted()).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });

  it('of which one text of several has no finite logits fails', async () => {
    const { load } = served(bytes, {
      run: async (batch) => batch.flatMap((one, i) => logitsOf([one], i > 0 ? NaN : 0)),
    });
    const { backend, tokenizer } = await load(a.name);
    const text = tokenizer.encode({ text: '[MASK]', masks: [{ start: 0, end: 6 }] });
    await expect(backend.run([text, text])).rejects.toThrow('not finite');
  });

  it('that is released while it runs answers so, whatever the run says', async () => {
    let isTested = false;
    const { models, load } = served(bytes, {
      async run(batch) {
        if (isTested) {
          await models.peek(a.name).dispose();
          throw new Error('detached memory');
        }
        isTested = true;
        return logitsOf(batch);
      },
    });
    const { backend } = await load(a.name);
    await expect(backend.run([])).rejects.toThrow(ModelEvicted);
  });
});
