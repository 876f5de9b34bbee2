/** Clients that leave. Each is an outcome of its own: 499 in the log, the metrics and the data points, and no error. */
import { kind } from '#kind';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import type { Observation } from '../../../src/http/observation.ts';
import type { Pause } from '../../../src/inference/backend.ts';
import { fillBucket, freshApp } from '../bucket.ts';

const log = vi.spyOn(console, 'log').mockReturnValue();
const errors = vi.spyOn(console, 'error').mockReturnValue();
beforeEach(async () => {
  await fillBucket();
  log.mockClear();
  errors.mockClear();
});
const lines = () => log.mock.calls.map(([line]) => line as Observation);
const CLOSED = expect.objectContaining({ status: 499, error_type: 'client_closed' });

/** An app whose runs call `during`, but not the one that tests a model when it is loaded. */
function appOf(during: (run: number, pause?: Pause) => unknown = () => undefined) {
  const made = { backends: 0, runs: 0 };
  const watched: typeof kind = {
    ...kind,
    async create(file) {
      const backend = await kind.create(file);
      made.backends++;
      let isTested = false;
      return {
        ...backend,
        async run(batch, pause) {
          if (isTested) await during(made.runs++, pause);
          isTested = true;
          return backend.run(batch, pause);
        },
      };
    },
  };
  const points: AnalyticsEngineDataPoint[] = [];
  const ANALYTICS = { writeDataPoint: (point?: AnalyticsEngineDataPoint) => void points.push(point ?? {}) };
  const app = freshApp({ CACHE: 'off', REQUEST_LOG: 'on', ANALYTICS }, watched);
  const ask = (inputs: unknown, signal?: AbortSignal, parameters = {}) =>
    app.request('/fill-mask', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ inputs, parameters }),
      ...(signal && { signal }),
    });
  return { app, ask, made, points };
}

const text = 'The [MASK] barked.';

describe('a client that leaves', () => {
  it('before the model is asked gets none of its work', async () => {
    const { app, ask, made, points } = appOf();
    expect((await ask(text, AbortSignal.abort())).status).toBe(499);
    expect(made.backends).toBe(0);
    expect(lines()).toEqual([CLOSED]);
    expect(points[0]?.blobs?.slice(1, 3)).toEqual(['499', 'client_closed']);
    expect(await (await app.request('/metrics')).text()).toContain('route="/fill-mask",status="499"} 1\n');
    expect(errors).not.toHaveBeenCalled();
  });

  it('while it waits for its turn leaves the queue', async () => {
    const client = new AbortController();
    let left: Promise<Response> | undefined;
    const { ask, made } = appOf(async (run) => {
      if (run > 0) return;
      left = ask('Another [MASK].', client.signal);
      await scheduler.wait(50);
      client.abort();
      expect((await left).status).toBe(499);
    });
    expect((await ask(text)).status).toBe(200);
    expect(made).toEqual({ backends: 1, runs: 1 });
    expect(lines()).toEqual([CLOSED, expect.objectContaining({ status: 200 })]);
    expect(errors).not.toHaveBeenCalled();
  });

  it('between two slices ends its run, and costs the next one no load', async () => {
    const client = new AbortController();
    const { ask, made } = appOf(async (run, pause) => {
      if (run > 0) return;
      client.abort();
      await pause?.(1e12);
    });
    expect((await ask(text, client.signal)).status).toBe(499);
    expect((await ask(text)).status).toBe(200);
    expect(made).toEqual({ backends: 1, runs: 2 });
    expect(lines()).toEqual([CLOSED, expect.objectContaining({ status: 200 })]);
    expect(errors).not.toHaveBeenCalled();
  });

  it('while another one computes the same does not wait for it', async () => {
    const client = new AbortController();
    const { ask, made } = appOf(async () => {
      const left = ask(text, client.signal);
      await scheduler.wait(50);
      client.abort();
      expect((await left).status).toBe(499);
    });
    expect((await ask(text)).status).toBe(200);
    expect(made.runs).toBe(1);
    expect(lines()).toEqual([CLOSED, expect.objectContaining({ status: 200 })]);
    expect(errors).not.toHaveBeenCalled();
  });

  it('while others wait for its answer leaves them to compute it', async () => {
    const client = new AbortController();
    let other: Promise<Response> | undefined;
    const { ask, made } = appOf(async (run, pause) => {
      if (run > 0) return;
      other = ask(text);
      await scheduler.wait(50);
      client.abort();
      await pause?.(1e12);
    });
    expect((await ask(text, client.signal)).status).toBe(499);
    expect((await other)?.status).toBe(200);
    expect(made).toEqual({ backends: 1, runs: 2 });
    expect(errors).not.toHaveBeenCalled();
  });

  it('before a fault hides nothing: that stays a 500', async () => {
    const client = new AbortController();
    const { ask } = appOf(() => {
      client.abort();
      throw new Error('broken');
    });
    expect((await ask(text, client.signal)).status).toBe(500);
    expect(lines()).toEqual([expect.objectContaining({ status: 500, error_type: 'internal' })]);
    expect(errors).toHaveBeenCalledTimes(1);
  });

  it('while the answer streams is not counted as one that got it', async () => {
    const { ask } = appOf();
    const long = Array.from({ length: 20 }, (_, i) => `${'word '.repeat(30)}${i} [MASK]`);
    const whole = await ask(long, undefined, { top_k: 50 });
    expect(lines()).toEqual([]);
    expect(await whole.json()).toHaveLength(20);
    const part = await ask(long, undefined, { top_k: 50 });
    const reader = part.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    expect(lines()).toEqual([expect.objectContaining({ status: 200 }), CLOSED]);
    expect(errors).not.toHaveBeenCalled();
  });
});
