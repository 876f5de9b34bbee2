/** Bodies that break off, and a backend that is not what its manifest says. */
import { kind } from '#kind';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import type { Backend, Logits } from '../../../src/inference/backend.ts';
import { BODY_TIMEOUT_MS, MAX_BODY_BYTES, MAX_HELD_BYTES } from '../../../src/limits.ts';
import { fillBucket, freshApp } from '../bucket.ts';

const question = { inputs: 'The [MASK] barked.' };

beforeEach(fillBucket);

const post = (body: ReadableStream, more: object = {}) =>
  freshApp().request('/fill-mask', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...more },
    body,
  });

describe('a body', () => {
  const begun = new TextEncoder().encode('{"inputs": "The [MASK] ');

  it.each([{}, { 'content-encoding': 'gzip' }])('that breaks off is a 400: %s', async (headers) => {
    const body = new ReadableStream({
      type: 'bytes',
      start(controller: ReadableByteStreamController) {
        controller.enqueue(begun.slice());
        controller.error(new Error('connection reset'));
      },
    });
    const response = await post(body, headers);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error_type: 'invalid_json' });
  });

  it('in chunks of one byte takes a few reads, not one for each', async () => {
    const { readable, writable } = new IdentityTransformStream();
    const reads = vi.spyOn(ReadableStreamBYOBReader.prototype, 'readAtLeast');
    const pending = post(readable);
    const writer = writable.getWriter();
    const sent = { inputs: `${'a '.repeat(200)}[MASK]`, unknown: 'b'.repeat(400) };
    for (const byte of new TextEncoder().encode(JSON.stringify(sent))) await writer.write(Uint8Array.of(byte));
    await writer.close();
    expect((await pending).status).toBe(200);
    expect(reads.mock.calls.length).toBeLessThan(5);
    expect(reads.mock.calls.length).toBeGreaterThan(0);
    reads.mockRestore();
  });

  it('of deflate blocks without content takes a few reads', async () => {
    const blocks = Array.from({ length: 1000 }, () => [0, 0, 0, 255, 255]).flat();
    const reads = vi.spyOn(ReadableStreamBYOBReader.prototype, 'readAtLeast');
    const { body } = new Response(Uint8Array.of(0x78, 1, ...blocks));
    expect((await post(body as ReadableStream, { 'content-encoding': 'deflate' })).status).toBe(400);
    expect(reads.mock.calls.length).toBeLessThan(5);
    expect(reads.mock.calls.length).toBeGreaterThan(0);
    reads.mockRestore();
  });

  it('is refused while others hold what all may hold, and taken when they have left', async () => {
    const app = freshApp();
    const large = new Uint8Array(MAX_BODY_BYTES).fill(97);
    const stalled = Array.from({ length: Math.ceil(MAX_HELD_BYTES / MAX_BODY_BYTES) }, () => {
      const { readable, writable } = new IdentityTransformStream();
      const answer = app.request('/fill-mask', { method: 'POST', body: readable });
      const writer = writable.getWriter();
      return { answer, writer, begun: writer.write(large.subarray(1)).catch(() => undefined) };
    });
    // They grow together, so that any of them may be the one too many.
    const refused = await Promise.race(stalled.map(({ answer }) => answer));
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('1');
    // A small body is read all the same.
    expect((await app.ask({ inputs: 'A [MASK].' })).status).toBe(200);
    for (const { writer } of stalled) await writer.abort(new Error('left')).catch(() => undefined);
    const statuses = await Promise.all(stalled.map(async ({ answer }) => (await answer).status));
    expect(statuses.filter((status) => status === 400).length).toBeGreaterThan(10);
    expect(new Set(statuses)).toEqual(new Set([400, 429]));
    expect((await app.ask({ inputs: 'A [MASK].', unknown: 'b'.repeat(400_000) })).status).toBe(200);
  });

  it('that does not arrive in time is a 408, and not before', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      let isAnswered = false;
      const pending = post(
        new ReadableStream({ type: 'bytes', start: (controller) => controller.enqueue(begun.slice()) }),
      ).finally(() => {
        isAnswered = true;
      });
      // Each look at the number of timers passes 1 ms of the false time.
      await vi.waitUntil(() => vi.getTimerCount() > 0, { timeout: 5_000, interval: 1 });
      await vi.advanceTimersByTimeAsync(BODY_TIMEOUT_MS / 2);
      expect(isAnswered).toBe(false);
      await vi.advanceTimersByTimeAsync(BODY_TIMEOUT_MS / 2);
      vi.useRealTimers();
      const response = await pending;
      expect(response.status).toBe(408);
      expect(await response.json()).toMatchObject({ error_type: 'body_timeout' });
    } finally {
      vi.useRealTimers();
    }
  });

  it('of another type is a 415 that does not repeat all of it', async () => {
    const response = await freshApp().ask('a form', '/fill-mask', { 'content-type': `text/${'x'.repeat(15_000)}` });
    expect(response.status).toBe(415);
    expect((await response.text()).length).toBeLessThan(400);
  });
});

/** The backend of the test, with other logits or another architecture. */
function altered(change: (logits: Logits) => Logits, architecture?: Record<string, unknown>): typeof kind {
  return {
    ...kind,
    async create(file) {
      const backend = await kind.create(file);
      const found: Backend = {
        ...(architecture && { architecture }),
        run: async (batch, pause) => (await backend.run(batch, pause)).map((logits) => change(logits)),
      };
      return found;
    },
  };
}

const withMlm = (logits: Logits, mlm: Float32Array): Logits => ({
  ...logits,
  mlm,
  log_sum_exp: logits.log_sum_exp.map((sum) => (mlm.every(Number.isFinite) ? sum : NaN)),
});

describe('a loaded model', () => {
  it.each<[string, typeof kind, RegExp]>([
    [
      'has fewer logits than the vocabulary',
      altered((logits) => withMlm(logits, logits.mlm.slice(1))),
      /it has \d+ logits, and the manifest says \d+/,
    ],
    [
      'has logits that are not finite',
      altered((logits) =>
        withMlm(
          logits,
          logits.mlm.map(() => NaN),
        ),
      ),
      /not finite/,
    ],
    [
      'has a sentence head that is not finite',
      altered((logits) => ({ ...logits, sentence: logits.sentence.map(() => Infinity) })),
      /not finite/,
    ],
    [
      'has a sentence head of three labels',
      altered((logits) => ({ ...logits, sentence: new Float32Array(3) })),
      /its sentence head has 3 labels, and the manifest says 2/,
    ],
    [
      'has another number of layers',
      altered((logits) => logits, { num_hidden_layers: 4000 }),
      /its num_hidden_layers is 4000, and the manifest says \d+/,
    ],
  ])('that %s answers nothing', async (_, wrong, message) => {
    const log = vi.spyOn(console, 'error').mockReturnValue();
    const response = await freshApp({ CACHE: 'off' }, wrong).ask(question);
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({
      error_type: 'model_unavailable',
      error: expect.stringMatching(message),
    });
    log.mockRestore();
  });

  it('whose longest text costs more than a request may is refused', async () => {
    const log = vi.spyOn(console, 'error').mockReturnValue();
    const response = await freshApp({ MAX_REQUEST_GMACS: '1' }).ask(question);
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ error: expect.stringMatching(/MAX_REQUEST_GMACS/) });
    log.mockRestore();
  });

  it('whose logits become infinite later answers 500 and is loaded again, never null, and nothing of it is cached', async () => {
    const log = vi.spyOn(console, 'error').mockReturnValue();
    let spoiled = false;
    const app = freshApp(
      {},
      altered((logits) =>
        spoiled
          ? withMlm(
              logits,
              logits.mlm.map(() => NaN),
            )
          : logits,
      ),
    );
    const asked = { inputs: `The [MASK] barked at ${crypto.randomUUID()}.` };
    expect((await app.ask({ inputs: `Another [MASK] at ${crypto.randomUUID()}.` })).status).toBe(200);
    spoiled = true;
    for (const [path, status] of [
      ['/fill-mask', 500],
      ['/score', 502],
    ] as const) {
      const body = path === '/score' ? { inputs: asked.inputs.replace('[MASK]', 'dog') } : asked;
      const response = await app.ask(body, path);
      expect(response.status, path).toBe(status);
      expect(await response.text()).not.toContain('null');
    }
    spoiled = false;
    await vi.waitUntil(async () => (await app.ask(asked)).status === 200, { timeout: 5_000, interval: 300 });
    expect((await (await app.ask(asked)).json<{ score: number }[]>())[0]?.score).toBeGreaterThan(0);
    log.mockRestore();
  });
});
