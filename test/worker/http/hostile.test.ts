/** Bodies that break off, and a backend that is not what its manifest says. */
import { kind } from '#kind';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import type { Backend, Logits } from '../../../src/inference/backend.ts';
import { BODY_TIMEOUT_MS } from '../../../src/limits.ts';
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
      start(controller) {
        controller.enqueue(begun);
        controller.error(new Error('connection reset'));
      },
    });
    const response = await post(body, headers);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error_type: 'invalid_json' });
  });

  it('that does not arrive in time is a 408, and not before', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      let isAnswered = false;
      const pending = post(new ReadableStream({ start: (controller) => controller.enqueue(begun) })).finally(() => {
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
