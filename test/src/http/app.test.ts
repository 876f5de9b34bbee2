/** The routes in Node, with a backend that a test makes up: statuses, headers, keys, limits, bodies and what is logged. */
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { createApp } from '../../../src/app.ts';
import { RunQueue } from '../../../src/concurrency/run-queue.ts';
import { Budget } from '../../../src/http/budget.ts';
import type { Observation } from '../../../src/http/observation.ts';
import type { Worker } from '../../../src/http/worker.ts';
import type { Backend } from '../../../src/inference/backend.ts';
import { MAX_BODY_BYTES, WORK_OF } from '../../../src/limits.ts';
import { objectKey } from '../../../src/model/manifest.ts';
import { memory } from '../cache/memory.ts';
import { kindOf, logitsOf, smallModel } from '../model/small-model.ts';
import { mockByteReads } from './byte-reads.ts';

const { name, store } = await smallModel();
const other = await smallModel('other');
const both: typeof store = { get: async (key) => (await store.get(key)) ?? other.store.get(key) };
const KEY = '0123456789abcdef-one';
const NEXT = '0123456789abcdef-two';
const log = vi.spyOn(console, 'log').mockReturnValue();
const errors = vi.spyOn(console, 'error').mockReturnValue();
vi.spyOn(console, 'info').mockReturnValue();

mockByteReads();

let edge = memory();
beforeEach(() => {
  edge = memory();
  vi.stubGlobal('caches', { default: edge.cache });
  log.mockClear();
  errors.mockClear();
});
afterEach(() => void vi.unstubAllGlobals());

type Variables = Readonly<Partial<Record<string, unknown>>>;

/** @param backend what differs from a backend that answers */
function appWith(env: Variables = {}, backend: Partial<Backend> = {}) {
  const kind = kindOf(() => ({ run: async (batch) => logitsOf(batch), ...backend }));
  const app = createApp(kind);
  const later: Promise<unknown>[] = [];
  const usual = { MODEL: name, MODELS: both, CACHE: 'on', CACHE_STATUS: 'all', ALLOWED_ORIGINS: '*', BASE_PATH: '' };
  const bindings = { ...usual, ...env } as unknown as Worker['Bindings'];
  const context = { waitUntil: (work: Promise<unknown>) => void later.push(work) } as unknown as ExecutionContext;
  const request = async (path: string, init: RequestInit = {}) => {
    const response = await app.request(new URL(path, 'https://example.com').href, init, bindings, context);
    await Promise.all(later);
    return response;
  };
  const ask = (body: unknown, path = '/fill-mask', headers: Record<string, string> = {}) =>
    request(path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
    });
  return { request, ask };
}

const question = { inputs: 'i [MASK]' };
const inQuery = '/fill-mask?inputs=i+[MASK]';
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const cacheStatus = async (answer: Promise<Response>) => (await answer).headers.get('cache-status');
/** Both headers tell it. */
async function showsCache(answer: Promise<Response>): Promise<boolean> {
  const { headers } = await answer;
  expect(headers.has('server-timing')).toBe(headers.has('cache-status'));
  return headers.has('cache-status');
}
const headersOf = async (answer: Response | Promise<Response>, ...names: readonly string[]) => {
  const { status, headers } = await answer;
  return [status, ...names.map((one) => headers.get(one))];
};
const errorOf = async (answer: Response | Promise<Response>) =>
  (await (await answer).json()) as { error: string; error_type: string };
const lines = () => log.mock.calls.map(([line]) => line as Observation);

describe('HTTP caches', () => {
  it('keep an answer to a GET, and an error for seconds', async () => {
    const { request } = appWith();
    expect(await headersOf(request(inQuery), 'cache-control', 'vary')).toEqual([
      200,
      'public, max-age=300, s-maxage=3600',
      null,
    ]);
    for (const [path, status] of [
      ['/fill-mask', 400],
      ['/nothing', 404],
    ] as const) {
      expect(await headersOf(request(path), 'cache-control', 'vary')).toEqual([status, 'public, max-age=5', null]);
    }
    expect(await headersOf(request('/fill-mask', { method: 'POST' }), 'cache-control')).toEqual([400, 'no-store']);
    expect(await headersOf(request('/score'), 'cache-control', 'allow')).toEqual([
      405,
      'public, max-age=5',
      'POST, OPTIONS',
    ]);
  });

  it('keep what a key was answered for its caller only, and no refusal', async () => {
    const { request } = appWith({ API_KEYS: KEY });
    const headers = bearer(KEY);
    expect(await headersOf(request(inQuery, { headers }), 'cache-control', 'vary')).toEqual([
      200,
      'private, max-age=300',
      'Authorization',
    ]);
    expect(await headersOf(request('/fill-mask', { headers }), 'cache-control', 'vary')).toEqual([
      400,
      'private, max-age=5',
      'Authorization',
    ]);
    expect(await headersOf(request(inQuery), 'cache-control')).toEqual([401, 'no-store']);
    expect(await headersOf(request(inQuery, { headers: bearer(NEXT) }), 'cache-control')).toEqual([401, 'no-store']);
  });

  it('keep no limit and no fault', async () => {
    const RATE_LIMITER = { limit: () => Promise.resolve({ success: false }) };
    const limited = appWith({ RATE_LIMITER });
    expect(await headersOf(limited.request(inQuery), 'cache-control', 'retry-after')).toEqual([429, 'no-store', '60']);
    const broken = appWith({ MODELS: { get: () => Promise.resolve(null) } });
    expect(await headersOf(broken.request(inQuery), 'cache-control')).toEqual([502, 'no-store']);
    const wrong = appWith({ CACHE: 'perhaps' });
    expect(await headersOf(wrong.request(inQuery), 'cache-control')).toEqual([500, 'no-store']);
    expect(await headersOf(wrong.request('/ready'), 'cache-control')).toEqual([503, 'no-store']);
  });
});

describe('Cache-Status', () => {
  it('tells which tier answered', async () => {
    const { ask } = appWith();
    expect(await cacheStatus(ask(question))).toBe('isolate; fwd=miss; stored, edge; fwd=miss; stored');
    expect(await cacheStatus(ask(question))).toMatch(/^isolate; hit; ttl=8(?:6400|6399)$/);
    expect(await cacheStatus(ask({ inputs: ['i [MASK]', 'love [MASK]'] }))).toBe(
      'isolate; fwd=partial; stored, edge; fwd=miss; stored',
    );
    expect(await cacheStatus(appWith().ask(question))).toMatch(/^isolate; fwd=miss, edge; hit; ttl=8/);
  });

  it.each<[string, Variables, Record<string, string>, string, string]>([
    ['off', { CACHE: 'off' }, {}, '/', 'isolate; fwd=bypass'],
    ['without operations', { CACHE_OPERATIONS: 0 }, {}, '/', 'isolate; fwd=miss; stored'],
    ['where the platform keeps nothing', {}, {}, 'https://a.workers.dev/', 'isolate; fwd=miss; stored'],
    ['unread', {}, { 'cache-control': 'no-cache' }, '/', 'isolate; fwd=request; stored, edge; fwd=request; stored'],
    ['unread too', {}, { 'x-use-cache': 'false' }, '/', 'isolate; fwd=request; stored, edge; fwd=request; stored'],
    ['unwritten', {}, { 'cache-control': 'No-Store' }, '/', 'isolate; fwd=request, edge; fwd=request'],
  ])('of a cache that is %s says so', async (_, env, headers, path, expected) => {
    const { ask } = appWith(env);
    expect(await cacheStatus(ask(question, path, headers))).toBe(expected);
  });

  it.each([
    ['all', true, true],
    ['keys', false, true],
    ['none', false, false],
  ])('set to %s is shown without a key: %s, with one: %s', async (CACHE_STATUS, without, withKey) => {
    expect(await showsCache(appWith({ CACHE_STATUS }).ask(question))).toBe(without);
    expect(await showsCache(appWith({ CACHE_STATUS, API_KEYS: KEY }).ask(question, '/', bearer(KEY)))).toBe(withKey);
  });

  it.each([
    ['caller', 'isolate; fwd=miss; stored, edge; fwd=miss; stored'],
    ['shared', expect.stringMatching(/^isolate; hit/)],
  ])('of keys whose scope is %s', async (CACHE_SCOPE, expected) => {
    const { ask } = appWith({ CACHE_SCOPE, API_KEYS: `${KEY}, ${NEXT}` });
    await ask(question, '/', bearer(KEY));
    expect(await cacheStatus(ask(question, '/', bearer(KEY)))).toMatch(/^isolate; hit/);
    expect(await cacheStatus(ask(question, '/', bearer(NEXT)))).toEqual(expected);
  });
});

describe('a fault', () => {
  it('of our own says nothing of what was thrown, and is logged', async () => {
    let runs = 0;
    const secret = new Error('secret', { cause: new Error('deep') });
    const { ask } = appWith({}, { run: async (batch) => (runs++ > 0 ? Promise.reject(secret) : logitsOf(batch)) });
    const response = await ask(question);
    expect(response.status).toBe(500);
    const { error, error_type } = await errorOf(response);
    expect([error_type, error.includes('secret')]).toEqual(['internal', false]);
    expect(errors.mock.calls[0]?.[0]).toMatchObject({ error_type: 'internal', message: 'secret', causes: ['deep'] });
  });

  it('of the bucket is a 502 with a time to try again, and /ready a 503', async () => {
    const { ask, request } = appWith({ MODELS: { get: () => Promise.resolve(null) } });
    const response = await ask(question);
    expect(await headersOf(response, 'retry-after')).toEqual([502, expect.stringMatching(/^[1-9]$/)]);
    expect(await errorOf(response)).toMatchObject({ error_type: 'model_unavailable' });
    expect((await request('/ready')).status).toBe(503);
    expect(await headersOf(appWith().request('/ready'), 'retry-after')).toEqual([200, null]);
  });

  it('that comes after the client has left stays a fault, and a client that leaves is none', async () => {
    const controller = new AbortController();
    let runs = 0;
    const run: Backend['run'] = async (batch) => {
      if (runs++ === 0) return logitsOf(batch);
      controller.abort();
      throw new Error('broken');
    };
    const init = { method: 'POST', body: JSON.stringify(question), headers: { 'content-type': 'application/json' } };
    const { request } = appWith({}, { run });
    expect((await request('/', { ...init, signal: controller.signal })).status).toBe(500);
    expect((await request('/', { ...init, signal: AbortSignal.abort() })).status).toBe(499);
    expect(errors).toHaveBeenCalledTimes(1);
  });
});

describe('a model', () => {
  const MORE_MODELS = other.name;

  it('is chosen by the path or the body, and not by both in different ways', async () => {
    const { ask, request } = appWith({ MORE_MODELS });
    const health = async (path: string) => ((await (await request(path)).json()) as { model: string }).model;
    expect([await health('/health'), await health('/models/other/health')]).toEqual([name, other.name]);
    expect((await ask({ ...question, model: 'other' })).status).toBe(200);
    expect((await ask({ ...question, model: 'other' }, `/models/${other.name}/fill-mask`)).status).toBe(200);
    expect(await errorOf(ask({ ...question, model: 'small' }, '/models/other/fill-mask'))).toMatchObject({
      error: expect.stringContaining('Name one of them'),
    });
    expect(await headersOf(ask({ ...question, model: 'a' }))).toEqual([404]);
    const cards = (await (await request('/models')).json()) as object[];
    expect(cards).toMatchObject([
      { model: 'small', path: '/models/small', default: true, info: {} },
      { model: 'other', path: '/models/other', default: false, info: {} },
    ]);
  });

  it('whose variable is no text is answered as none', async () => {
    expect(await (await appWith({ MODEL: 7 }).request('/health')).json()).toEqual({ status: 'ok', model: '' });
  });
});

describe('the log', () => {
  it('has each request with what it cost, and a data point', async () => {
    const points: AnalyticsEngineDataPoint[] = [];
    const ANALYTICS = { writeDataPoint: (point: AnalyticsEngineDataPoint) => void points.push(point) };
    const { ask, request } = appWith({ REQUEST_LOG: 'on', ANALYTICS, API_KEYS: KEY, VERSION: { id: 'v1' } });
    await ask(question, '/', bearer(KEY));
    await ask(question, '/', bearer(KEY));
    await ask({}, '/', bearer(KEY));
    const [first, second, third] = lines();
    expect(first).toMatchObject({
      method: 'POST',
      route: '/',
      status: 200,
      cache: 'computed',
      tokens: 4,
      model: name,
      version: 'v1',
      caller: expect.stringMatching(/^key:/),
    });
    expect(first).not.toHaveProperty('error_type');
    expect(lines().map(({ multiply_adds }) => multiply_adds > 0)).toEqual([true, false, false]);
    expect(lines().every(({ duration_ms, queue_ms }) => duration_ms < 60_000 && queue_ms >= 0)).toBe(true);
    expect(second).toMatchObject({ cache: 'isolate', tokens: 0, multiply_adds: 0 });
    expect(third).toMatchObject({ status: 400, error_type: 'invalid_request', tokens: 0 });
    expect(points).toHaveLength(3);
    const text = await (await request('/metrics', { headers: bearer(KEY) })).text();
    expect(text).toContain('route="/",status="200"} 2\n');
  });

  it.each([
    ['on', 1e-9, [400, 500]],
    ['on', 1, [200, 400, 500]],
    ['off', 1, []],
  ])('%s with a share of %s has the statuses %j', async (REQUEST_LOG, LOG_SHARE, expected) => {
    const { ask } = appWith({ REQUEST_LOG, LOG_SHARE });
    await ask(question);
    await ask({});
    await appWith({ REQUEST_LOG, LOG_SHARE, CACHE: 'perhaps' }).ask(question);
    expect(lines().map(({ status }) => status)).toEqual(expected);
  });
});

const bytesOf = async (file: 'tokenizer.bin' | 'manifest.json'): Promise<number> => {
  const [id = '', revision = ''] = name.split('@');
  return (await both.get(objectKey(id, revision, file)))?.size ?? NaN;
};
const limiter = (success = true) => ({ limit: vi.fn<RateLimit['limit']>(async () => ({ success })) });

describe('rate limits', () => {
  it('count a key, or else the network of an address', async () => {
    const RATE_LIMITER = limiter();
    await appWith({ RATE_LIMITER, API_KEYS: KEY }).ask(question, '/', bearer(KEY));
    await appWith({ RATE_LIMITER }).ask(question, '/', { 'cf-connecting-ip': '192.0.2.1' });
    await appWith({ RATE_LIMITER }).ask(question);
    expect(RATE_LIMITER.limit.mock.calls.map(([{ key }]) => key)).toEqual([
      expect.stringMatching(/^key:[0-9a-f]{16}$/),
      'address:192.0.2.1',
      'address:unknown',
    ]);
  });

  it('are asked once for what is refused before a question, and not for what is found', async () => {
    const RATE_LIMITER = limiter();
    const { request, ask } = appWith({ RATE_LIMITER, API_KEYS: KEY });
    for (const path of ['/nothing', '/fill-mask']) await request(path);
    await ask(question, '/models/nobody/fill-mask', bearer(KEY));
    await request('/score', { headers: bearer(KEY) });
    expect(RATE_LIMITER.limit).toHaveBeenCalledTimes(4);
    const full = appWith({ RATE_LIMITER: limiter(false), API_KEYS: KEY });
    for (const [path, method] of [
      ['/nothing', 'GET'],
      ['/fill-mask', 'POST'],
      ['/score', 'GET'],
    ] as const) {
      const refused = await full.request(path, { method });
      expect(await headersOf(refused, 'www-authenticate', 'allow', 'retry-after')).toEqual([429, null, null, '60']);
    }
  });

  describe('charge', () => {
    const debit = vi.spyOn(Budget.prototype, 'debit');
    afterAll(() => debit.mockRestore());
    const limits = { EXPENSIVE_RATE_LIMITER: limiter(), EXPENSIVE_LIMIT: '60', RATE_LIMITS: 'on' };
    /** All that one request is charged in the end, and the answer. */
    async function charged(asked: () => Promise<Response>) {
      debit.mockClear();
      const response = await asked();
      const text = await response.text();
      expect(debit.mock.calls.every(([key]) => key === 'address:unknown')).toBe(true);
      return { work: debit.mock.calls.reduce((sum, [, one]) => sum + one, 0), status: response.status, text };
    }
    const { request: W, bodyCharacter: B, tokenizedCharacter: T, answeredByte: A, loadedByte: L, read: R } = WORK_OF;

    it('what is read, tokenized, run and answered, to the byte', async () => {
      const { ask } = appWith({ ...limits, REQUEST_LOG: 'on' });
      /** The rest of the charge: tokens and reads. */
      const asked = async (path: string, body: object) => {
        const { work, text } = await charged(() => ask(body, path));
        const run = lines().at(-1)?.multiply_adds ?? NaN;
        return Math.round(work - W - JSON.stringify(body).length * B - text.length * A - run);
      };
      const loaded = (await bytesOf('tokenizer.bin')) + (await bytesOf('manifest.json'));
      expect(await asked('/tokenize', { inputs: 'i love' })).toBe('i love'.length * T + loaded * L + 2 * R);
      expect(await asked('/tokenize', { inputs: 'i' })).toBe(T);
      const weights = 64 * L + R;
      // Masked texts are tokenized in another way than those with offsets.
      expect(await asked('/fill-mask', { inputs: 'i [MASK]' })).toBe('i [MASK]'.length * T + weights);
      const withTarget = { inputs: 'i [MASK] i', parameters: { targets: ['love'] } };
      expect(await asked('/fill-mask', withTarget)).toBe('i [MASK] i love'.length * T);
    });

    it('a body that is refused while it arrives or is decoded', async () => {
      const { request } = appWith(limits);
      const post = (body: RequestInit['body'], headers = {}) =>
        charged(() => request('/fill-mask', { method: 'POST', body, headers, duplex: 'half' } as RequestInit));
      for (const { work, status } of [
        await post(' '.repeat(MAX_BODY_BYTES + 1)),
        await post(await gzip(' '.repeat(MAX_BODY_BYTES + 1)), { 'content-encoding': 'gzip' }),
      ]) {
        expect(status).toBe(413);
        expect(work).toBeGreaterThan(W + MAX_BODY_BYTES * B);
      }
    });

    it('the manifests that /models reads, once', async () => {
      const { request } = appWith({ ...limits, MORE_MODELS: other.name });
      const first = await charged(() => request('/models'));
      expect(first.work).toBeGreaterThan(2 * R);
      expect((await charged(() => request('/models'))).work).toBe(W);
    });
  });

  it('refuse by name a model whose longest text the budget of a period cannot pay', async () => {
    const { name: MODEL, store: MODELS } = await smallModel('long', 30_000);
    const EXPENSIVE_RATE_LIMITER = limiter();
    const env = { MODEL, MODELS, EXPENSIVE_RATE_LIMITER, RATE_LIMITS: 'on' };
    const poor = appWith({ ...env, EXPENSIVE_LIMIT: '1' });
    for (const [answer, status] of [
      [await poor.ask(question), 502],
      [await poor.request('/ready'), 503],
    ] as const) {
      expect(answer.status).toBe(status);
      expect((await errorOf(answer)).error).toMatch(/long.* pays for 10\.0: raise the limit of EXPENSIVE_RATE_LIMITER/);
    }
    expect(EXPENSIVE_RATE_LIMITER.limit).not.toHaveBeenCalled();
    expect((await appWith({ ...env, EXPENSIVE_LIMIT: '20' }).ask(question)).status).toBe(200);
  });

  it('do not count where they are off, nor what is answered without a model', async () => {
    const RATE_LIMITER = limiter(false);
    expect((await appWith({ RATE_LIMITER, RATE_LIMITS: 'off' }).ask(question)).status).toBe(200);
    expect((await appWith({ RATE_LIMITER }).request('/health')).status).toBe(200);
    expect(RATE_LIMITER.limit).not.toHaveBeenCalled();
    expect(await errorOf(appWith({ RATE_LIMITER }).ask('no question'))).toMatchObject({ error_type: 'rate_limited' });
  });
});

const utf8 = (text: string) => new TextEncoder().encode(text);
const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
/** With a byte order mark. */
function utf16(text: string, isLittle: boolean): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(2 + 2 * text.length));
  const marked = `\ufeff${text}`;
  for (let i = 0; i < marked.length; i++) view.setUint16(2 * i, marked.charCodeAt(i), isLittle);
  return new Uint8Array(view.buffer);
}
const gzip = (text: string) =>
  new Response(new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer();

describe('a body', async () => {
  const { request } = appWith();
  const json = JSON.stringify({ inputs: 'i [MASK] ä' });
  /** @returns the status, and the first text of the answer or the type of the error */
  async function send(body: RequestInit['body'], headers: Record<string, string> = {}): Promise<[number, string]> {
    const response = await request('/tokenize', { method: 'POST', body, headers, duplex: 'half' } as RequestInit);
    const answer = (await response.json()) as { error_type?: string; tokens?: unknown[] };
    return [response.status, answer.error_type ?? String(answer.tokens?.length)];
  }
  const OK = [200, '5'];

  it.each<[string, RequestInit['body'], Record<string, string>, unknown[]]>([
    ['without a type', utf8(json), {}, OK],
    ['in UTF-8 with its mark', utf8(`\ufeff${json}`), {}, OK],
    ['in UTF-16 with its mark', utf16(json, true), { 'content-type': 'application/json' }, OK],
    ['in UTF-16 the other way round', utf16(json, false), { 'content-type': 'application/json' }, OK],
    ['in a charset', latin1(json), { 'content-type': 'application/json; charset="iso-8859-1"' }, OK],
    ['in another charset than it says', latin1(json), {}, [400, 'invalid_json']],
    ['in no charset', json, { 'content-type': 'application/json; charset=none' }, [415, 'unsupported_media_type']],
    ['compressed', await gzip(json), { 'content-encoding': ' GZIP ' }, OK],
    ['not compressed as it says', json, { 'content-encoding': 'gzip' }, [400, 'invalid_json']],
    ['compressed in another way', json, { 'content-encoding': 'br' }, [415, 'unsupported_content_encoding']],
    ['of a declared length', json, { 'content-length': String(json.length) }, OK],
    ['of a declared length too large', json, { 'content-length': '999999999' }, [413, 'body_too_large']],
    ['too large', ' '.repeat(MAX_BODY_BYTES + 1), {}, [413, 'body_too_large']],
    ['as large as it may be', json.padEnd(MAX_BODY_BYTES - 1), {}, OK],
    [
      'too large when it is decoded',
      await gzip(' '.repeat(MAX_BODY_BYTES + 1)),
      { 'content-encoding': 'gzip' },
      [413, 'body_too_large'],
    ],
    ['that is null', 'null', {}, [400, 'invalid_request']],
    ['that is a text', '"a"', {}, [400, 'invalid_request']],
    ['that has a mark that is none', utf8('\u00ef'), {}, [400, 'invalid_json']],
    ['that is empty', '', {}, [400, 'invalid_json']],
    ['that is not there', undefined, {}, [400, 'invalid_json']],
    ['that is not there, and compressed', undefined, { 'content-encoding': 'gzip' }, [400, 'invalid_json']],
  ])('%s', async (_, body, headers, expected) => {
    expect(await send(body, headers)).toEqual(expected);
  });
});

describe('BASE_PATH', () => {
  it.each([
    ['/masks/health', 200, ''],
    ['/masks/health/', 200, ''],
    ['/masks/nothing', 404, 'Nothing is at /masks/nothing. See /masks/docs for the routes.'],
    ['/health', 404, 'Nothing is at /health. This deployment answers below /masks/: see /masks/docs for the routes.'],
    ['/maskshealth', 404, 'Nothing is at /maskshealth. This deployment answers below /masks/: see /masks/docs for'],
  ])('decides what is at %s', async (path, status, error) => {
    const ASSETS = { fetch: async () => new Response('', { status: 404 }) };
    const answer = await appWith({ BASE_PATH: '/masks', ASSETS }).request(path);
    expect(answer.status).toBe(status);
    expect(await answer.text()).toContain(error);
  });

  it('that is wrong is named at every path', async () => {
    const { request } = appWith({ BASE_PATH: 'masks' });
    for (const [path, status] of [
      ['/health', 500],
      ['/masks/health', 500],
      ['/ready', 503],
    ] as const) {
      const answer = await request(path);
      expect(answer.status).toBe(status);
      expect((await errorOf(answer)).error).toContain('The variable BASE_PATH is "masks"');
    }
  });
});

it('long texts are tokenized in turns, one at a time, and short ones at once', async () => {
  const turn = vi.spyOn(RunQueue.prototype, 'turn');
  const { ask } = appWith();
  const [first, second] = [1, 2].map((n) => `${n} ${'a'.repeat(5_000)} [MASK]`) as [string, string];
  const list = { inputs: [first, second, 'i [MASK]'], parameters: { truncation: true } };
  expect((await ask(list)).status).toBe(200);
  const lengths = turn.mock.calls.map(([, work]) => work);
  turn.mockRestore();
  expect(lengths.filter((length) => length === first.length)).toHaveLength(2);
  expect(lengths).not.toContain('i [MASK]'.length);
});

it('a preflight repeats names of headers, and nothing else', async () => {
  const { request } = appWith();
  const allowed = async (asked: string) => {
    const headers = {
      origin: 'https://a.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': asked,
    };
    const { status, headers: answered } = await request('/fill-mask', { method: 'OPTIONS', headers });
    return [status, answered.get('access-control-allow-headers')];
  };
  expect(await allowed('content-type,x-use-cache')).toEqual([204, 'content-type,x-use-cache']);
  for (const asked of ['a b', '<script>', 'a;b=1', '"a"', 'x: 1']) expect(await allowed(asked)).toEqual([204, null]);
});

it('a path of another API is told apart from one that is wrong', async () => {
  const { request } = appWith();
  const [v1, plain] = [await errorOf(request('/v1/models')), await errorOf(request('/nothing'))];
  expect(v1.error).toContain('This is not an OpenAI API');
  expect(plain.error).toContain('See /docs for the routes');
  expect(plain.error).not.toContain('OpenAI');
});
