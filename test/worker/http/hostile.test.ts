/** Bodies that break off, readers that stall, and a backend that is not what its manifest says. */
import { kind } from '#kind';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import type { Backend, Logits } from '../../../src/inference/backend.ts';
import {
  BODY_TIMEOUT_MS,
  MAX_BODY_BYTES,
  MAX_HELD_BYTES,
  READER_TIMEOUT_MS,
  STREAM_PART_BYTES,
} from '../../../src/limits.ts';
import { fillBucket, freshApp } from '../bucket.ts';

const question = { inputs: 'The [MASK] barked.' };

beforeEach(fillBucket);

/** A body that is more than small. */
const large = { inputs: 'A [MASK].', unknown: 'b'.repeat(400_000) };

/** A body that has so many bytes, and no end. */
function stalledBody(app: ReturnType<typeof freshApp>, bytes: number) {
  const { readable, writable } = new IdentityTransformStream();
  const answer = app.request('/fill-mask', { method: 'POST', body: readable });
  const writer = writable.getWriter();
  return { answer, writer, begun: writer.write(new Uint8Array(bytes).fill(97)).catch(() => undefined) };
}

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
    const stalled = Array.from({ length: Math.ceil(MAX_HELD_BYTES / MAX_BODY_BYTES) }, () =>
      stalledBody(app, MAX_BODY_BYTES - 1),
    );
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
    expect((await app.ask(large)).status).toBe(200);
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

  it('that does not arrive in time holds nothing afterwards', async () => {
    const app = freshApp();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const stalled: ReturnType<typeof stalledBody>[] = [];
      // The last one needs room for the buffer before, which is half as large.
      for (let bytes = 1.5 * MAX_BODY_BYTES; bytes < MAX_HELD_BYTES; bytes += MAX_BODY_BYTES + 1) {
        const one = stalledBody(app, MAX_BODY_BYTES - 1);
        stalled.push(one);
        await one.begun;
      }
      const refused = stalledBody(app, MAX_BODY_BYTES - 1);
      expect((await refused.answer).status).toBe(429);
      await vi.advanceTimersByTimeAsync(BODY_TIMEOUT_MS);
      for (const { answer } of stalled) expect((await answer).status).toBe(408);
      expect((await app.ask(large)).status).toBe(200);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is bounded as it arrives, however little it becomes', async () => {
    // Blocks of deflate without content, one more than may arrive.
    const blocks = new Uint8Array(MAX_BODY_BYTES + 5).fill(0xff);
    blocks.set([0x78, 1]);
    for (let i = 2; i + 5 <= blocks.length; i += 5) blocks.set([0, 0, 0], i);
    const { body } = new Response(blocks);
    expect((await post(body as ReadableStream, { 'content-encoding': 'deflate' })).status).toBe(413);
  });

  it('of another type is a 415 that does not repeat all of it', async () => {
    const response = await freshApp().ask('a form', '/fill-mask', { 'content-type': `text/${'x'.repeat(15_000)}` });
    expect(response.status).toBe(415);
    expect((await response.text()).length).toBeLessThan(400);
  });
});

/** The greatest answer of the fewest characters: each of them has six bytes in JSON. */
const GREATEST = { inputs: `${'\u0001'.repeat(32_700)} [MASK]`, parameters: { top_k: 20, truncation: true } };

/** Asks so often and reads nothing. */
async function stall(app: ReturnType<typeof freshApp>, times: number) {
  const answers: Response[] = [];
  for (let i = 0; i < times; i++) answers.push(await app.ask(GREATEST));
  const held = answers.filter(({ status }) => status === 200);
  return { held, refused: answers.filter(({ status }) => status === 429) };
}
const leave = (answers: readonly Response[]) => Promise.all(answers.map(async ({ body }) => body?.cancel()));
const expected = async () => (await freshApp().ask(GREATEST)).text();

describe('readers that stall', () => {
  it('hold no more together than all may, beside honest callers, and leave nothing behind', async () => {
    const app = freshApp();
    const whole = await expected();
    const { held, refused } = await stall(app, 32);
    expect(held.length).toBeGreaterThan(6);
    expect(held.length).toBeLessThan(MAX_HELD_BYTES / 300_000);
    expect(refused.length).toBe(32 - held.length);
    expect(refused[0]?.headers.get('retry-after')).toBe('1');
    expect(await refused[0]?.json()).toMatchObject({ error_type: 'overloaded' });
    // Bodies have what answers leave. What is small needs none of it.
    expect((await app.ask(large)).status).toBe(429);
    expect((await app.ask({ inputs: 'A [MASK].' })).status).toBe(200);
    // Some leave, some read on.
    const [first, second, ...others] = held;
    expect(await first?.text()).toBe(whole);
    await leave(second ? [second] : []);
    const again = await stall(app, 3);
    expect(again.held).toHaveLength(2);
    await leave([...others, ...again.held]);
    const last = await stall(app, held.length);
    expect(last.refused).toHaveLength(0);
    await leave(last.held);
    expect((await app.ask(large)).status).toBe(200);
  });

  it('are left after a while, each for itself', async () => {
    const app = freshApp();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { held } = await stall(app, 18);
      const [first, ...others] = held;
      const reader = first?.body?.getReader();
      await reader?.read();
      await vi.advanceTimersByTimeAsync(READER_TIMEOUT_MS - 1);
      await reader?.read();
      await vi.advanceTimersByTimeAsync(1);
      for (const { body } of others) await expect(body?.getReader().read()).rejects.toThrow(/took nothing/);
      expect((await reader?.read())?.done).toBe(false);
      const again = await stall(app, held.length);
      expect(again.held).toHaveLength(held.length - 1);
      await leave(again.held);
      await reader?.cancel();
    } finally {
      vi.useRealTimers();
    }
  });

  it.each([
    ['/score', { inputs: Array<string>(24).fill('The dog barks at the man in the park.'.repeat(3)) }],
    ['/tokenize', { inputs: 'the dog '.repeat(500) }],
  ])('of %s get the bytes of a whole answer, in parts', async (path, body) => {
    const response = await freshApp().ask(body, path);
    const sizes: number[] = [];
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for await (const part of response.body ?? []) {
      sizes.push(part.length);
      parts.push(part as Uint8Array<ArrayBuffer>);
    }
    expect(sizes.length).toBeGreaterThan(1);
    expect(Math.max(...sizes)).toBe(STREAM_PART_BYTES);
    const text = await new Blob(parts).text();
    expect(text).toBe(JSON.stringify(JSON.parse(text)));
  });

  it('of a GET are bounded, too; its tag and its HEAD need no stream', async () => {
    const app = freshApp();
    const inputs = `${'word '.repeat(500)}[MASK]`;
    const query = `/fill-mask?${new URLSearchParams({ inputs, top_k: '90', truncation: 'true' }).toString()}`;
    const posted = await (await app.ask({ inputs, parameters: { top_k: 90, truncation: true } })).text();
    const held: Response[] = [];
    for (let got = await app.request(query); got.status === 200; got = await app.request(query)) held.push(got);
    expect(held.length).toBeGreaterThan(10);
    const etag = held[0]?.headers.get('etag') ?? '';
    // Neither is refused, and neither holds anything.
    for (let i = 0; i < 3; i++) {
      expect((await app.request(query, { headers: { 'if-none-match': etag } })).status).toBe(304);
      expect((await app.request(query, { method: 'HEAD' })).headers.get('etag')).toBe(etag);
    }
    expect(await held.pop()?.text()).toBe(posted);
    const next = await app.request(query);
    expect(next.status).toBe(200);
    expect((await app.request(query)).status).toBe(429);
    await leave([...held, next]);
  });

  it('whose answer would have more bytes than characters are told so', async () => {
    const response = await freshApp().ask({ ...GREATEST, parameters: { top_k: 100, truncation: true } });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ error: expect.stringContaining('19620700 bytes') });
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
