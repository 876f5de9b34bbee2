import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Payer } from '../../../src/http/budget.ts';
import { EXPENSIVE_WORK } from '../../../src/limits.ts';
import { fillBucket, freshApp } from '../bucket.ts';

const question = { inputs: 'The [MASK] barked.' };
const [KEY, NEXT] = ['0123456789abcdef-one', '0123456789abcdef-two'];
const withKey = (key: string) => ({ authorization: `Bearer ${key}` });
const ASKED = ['/', '/fill-mask', '/score', '/sentence-order', '/next-sentence', '/tokenize'];
const limiter = () => ({ limit: vi.fn<RateLimit['limit']>(() => Promise.resolve({ success: true })) });
const statusOf = async (API_KEYS: string, key: string) =>
  (await freshApp({ API_KEYS }).ask(question, '/fill-mask', withKey(key))).status;

const statusWith = async (keys: Parameters<typeof freshApp>[0], key: string) =>
  (await freshApp(keys).ask(question, '/fill-mask', withKey(key))).status;

beforeEach(fillBucket);
afterEach(() => {
  vi.restoreAllMocks();
});

describe('a deployment with API_KEYS', () => {
  const app = () => freshApp({ API_KEYS: `${KEY}, ${NEXT}` });

  it.each([KEY, NEXT])('answers a request with the key %s', async (key) => {
    expect((await app().ask(question, '/fill-mask', withKey(key))).status).toBe(200);
    expect((await app().ask(question, '/fill-mask', { authorization: `bearer ${key}` })).status).toBe(200);
  });

  it.each(ASKED)('refuses POST %s without one, with a challenge, before the body is read', async (path) => {
    const response = await app().ask('no JSON', path);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="edge-fill-mask"');
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(await response.json()).toEqual({
      error: expect.stringContaining('Bearer <key>'),
      error_type: 'key_missing',
    });
  });

  it('refuses a GET without one, and lets no shared cache keep either answer', async () => {
    const path = `/fill-mask?inputs=${encodeURIComponent(question.inputs)}`;
    const refused = await app().request(path);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('cache-control')).toBe('no-store');
    const answered = await app().request(path, { headers: withKey(KEY) });
    expect(answered.status).toBe(200);
    expect(answered.headers.get('cache-control')).toMatch(/^private/);
  });

  it.each([
    ['an answer', `?inputs=${encodeURIComponent(question.inputs)}`, 200, 'private, max-age=300'],
    ['a malformed request', '?top_k=5', 400, 'private, max-age=5'],
    ['a text without a mask', '?inputs=a', 422, 'private, max-age=5'],
  ])('lets no other caller have %s to a GET', async (_, query, expected, cacheControl) => {
    const response = await app().request(`/fill-mask${query}`, { headers: withKey(KEY) });
    expect([response.status, response.headers.get('cache-control')]).toEqual([expected, cacheControl]);
    expect(response.headers.get('vary')).toBe('Authorization');
    const tag = response.headers.get('etag');
    if (tag === null) return;
    const same = await app().request(`/fill-mask${query}`, { headers: { ...withKey(KEY), 'if-none-match': tag } });
    expect([same.status, same.headers.get('cache-control')]).toEqual([304, cacheControl]);
    expect(same.headers.get('vary')).toBe('Authorization');
  });

  it.each([
    ['/models/nobody/fill-mask?inputs=a', 404, 'private, max-age=5'],
    ['/nothing', 404, 'private, max-age=5'],
    ['/score', 405, 'private, max-age=5'],
    ['/metrics', 200, 'no-store'],
    ['/info', 200, 'no-store'],
  ])('lets no shared cache keep what GET %s answers', async (path, expected, cacheControl) => {
    const response = await app().request(path, { headers: withKey(KEY) });
    expect([response.status, response.headers.get('cache-control')]).toEqual([expected, cacheControl]);
    expect(response.headers.get('vary')).toBe('Authorization');
  });

  it('lets no shared cache keep a fault, and says that an answer depends on the origin too', async () => {
    const log = vi.spyOn(console, 'error').mockReturnValue();
    const MODELS = { get: () => Promise.resolve(null) } as unknown as R2Bucket;
    const failing = freshApp({ API_KEYS: KEY, MODELS, ALLOWED_ORIGINS: 'https://a.example', CACHE: 'off' });
    const response = await failing.request(`/fill-mask?inputs=${encodeURIComponent(question.inputs)}`, {
      headers: withKey(KEY),
    });
    expect([response.status, response.headers.get('cache-control')]).toEqual([502, 'no-store']);
    expect(response.headers.get('vary')).toBe('Authorization, Origin');
    log.mockRestore();
  });

  it('lets any cache keep the page', async () => {
    const page = await app().request('/');
    expect(page.headers.get('cache-control')).toBe('public, max-age=0, must-revalidate');
    expect(page.headers.get('vary')).toBeNull();
  });

  it.each([
    ['key_invalid', 'Bearer 0123456789abcdef-three'],
    ['key_invalid', `Bearer ${KEY.slice(0, -1)}`],
    ['key_invalid', 'Bearer abcd'],
    ['key_malformed', 'Basic dXNlcjpwYXNz'],
    ['key_malformed', 'Bearer'],
    ['key_malformed', `Bearer ${KEY} ${NEXT}`],
  ])('answers %s to "%s"', async (error_type, authorization) => {
    const response = await app().ask(question, '/fill-mask', { authorization });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer error="invalid_/);
    expect(await response.json()).toMatchObject({ error_type });
  });

  it('does less for a wrong key than for a cached answer, however many ask: one digest, one count, and nothing is read', async () => {
    const [RATE_LIMITER, EXPENSIVE_RATE_LIMITER] = [limiter(), limiter()];
    const keyed = freshApp({ API_KEYS: KEY, RATE_LIMITS: 'on', RATE_LIMITER, EXPENSIVE_RATE_LIMITER });
    expect((await keyed.ask(question, '/fill-mask', withKey(KEY))).status).toBe(200);
    const digest = vi.spyOn(crypto.subtle, 'digest');
    const touched = [
      RATE_LIMITER.limit,
      EXPENSIVE_RATE_LIMITER.limit,
      vi.spyOn(env.MODELS, 'get'),
      vi.spyOn(caches.default, 'match'),
      vi.spyOn(caches.default, 'put'),
      vi.spyOn(Request.prototype, 'body', 'get'),
    ];
    const counts = () => [digest, ...touched].map(({ mock }) => mock.calls.length);
    const costOf = async (headers: Record<string, string>) => {
      for (const spy of [digest, ...touched]) spy.mockClear();
      return { response: await keyed.ask(question, '/fill-mask', headers), counts: counts() };
    };
    const hit = await costOf(withKey(KEY));
    expect(hit.response.headers.get('cache-status')).toMatch(/^isolate; hit/);
    const wrong = await costOf(withKey(NEXT));
    expect(wrong.response.status).toBe(401);
    expect(wrong.counts).toEqual([1, 1, 0, 0, 0, 0, 0]);
    expect(hit.counts[0]).toBeGreaterThan(1);
    expect(hit.counts[1]).toBe(1);
    expect(hit.counts.at(-1)).toBeGreaterThan(0);

    for (const spy of [digest, ...touched]) spy.mockClear();
    const all = await Promise.all(Array.from({ length: 300 }, () => keyed.ask(question, '/fill-mask', withKey(NEXT))));
    expect(new Set(all.map((response) => response.status))).toEqual(new Set([401]));
    expect(counts()).toEqual([300, 300, 0, 0, 0, 0, 0]);
    vi.restoreAllMocks();
  });

  it.each(['/health', '/ready', '/info', '/openapi.json'])('leaves %s open', async (path) => {
    expect((await app().request(path)).status).toBe(200);
  });

  it('refuses a key that was taken out of the list, while its successor answers', async () => {
    expect(await statusOf(`${KEY} ${NEXT}`, KEY)).toBe(200);
    expect(await statusOf(NEXT, KEY)).toBe(401);
    expect(await statusOf(NEXT, NEXT)).toBe(200);
  });

  it.each([
    [`${KEY} abcd`, 'Key 2 of the secret API_KEYS has 4 characters. Use at least 16.'],
    ['0123456789abcdef!', 'Key 1 of the secret API_KEYS may have letters, digits and -._~+/ only.'],
    [' , ', 'The secret API_KEYS holds no key. Set one, or delete the secret.'],
    ['', 'The secret API_KEYS holds no key. Set one, or delete the secret.'],
  ])('answers nobody where API_KEYS is "%s", and tells the log alone what is wrong', async (API_KEYS, problem) => {
    const log = vi.spyOn(console, 'error').mockReturnValue();
    const response = await freshApp({ API_KEYS }).ask(question, '/fill-mask', withKey(KEY));
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({
      error: 'The secret API_KEYS or a key with a name of its own is misconfigured. The log says what is wrong.',
      error_type: 'misconfigured',
    });
    expect(log).toHaveBeenCalledWith(expect.objectContaining({ causes: [problem] }));
    log.mockRestore();
  });
});

describe('a deployment with a secret for each key', () => {
  const KEYS = { API_KEY_ALICE: KEY, API_KEY_BOB: `${NEXT}\n` };
  it('lets in each of them, also beside the list and where the list is empty, and nobody else', async () => {
    for (const key of [KEY, NEXT]) {
      expect(await statusWith(KEYS, key)).toBe(200);
      expect(await statusWith({ ...KEYS, API_KEYS: '' }, key)).toBe(200);
    }
    expect(await statusWith({ ...KEYS, API_KEYS: '0123456789abcdef-list' }, '0123456789abcdef-list')).toBe(200);
    expect(await statusWith(KEYS, '0123456789abcdef-list')).toBe(401);
    expect(await statusWith({ API_KEY_BOB: NEXT }, KEY)).toBe(401);
    expect((await freshApp(KEYS).ask(question)).status).toBe(401);
  });

  it('answers nobody where one is empty', async () => {
    const log = vi.spyOn(console, 'error').mockReturnValue();
    expect(await statusWith({ API_KEY_ALICE: '' }, KEY)).toBe(500);
    expect(log).toHaveBeenCalledWith(
      expect.objectContaining({ causes: ['The secret API_KEY_ALICE has 0 characters. Use at least 16.'] }),
    );
    log.mockRestore();
  });
});

const withLimits = (changed: object = {}) => freshApp({ RATE_LIMITS: 'on', ...changed });
const from = (address: string) => ({ 'cf-connecting-ip': address });

/** Miniflare's simulation of the binding. Its counters outlive a test, so each test has its own callers. */
describe('a deployment with rate limits', () => {
  it('refuses a caller who asks more than wrangler.toml allows, and no other', async () => {
    const limited = withLimits();
    const ask = (address: string) => limited.ask({}, '/tokenize', from(address));
    // A minute may end in between, and then the count begins again.
    let answered = 0;
    let response = await ask('192.0.2.1');
    for (; response.status !== 429 && answered < 1300; answered++) response = await ask('192.0.2.1');
    expect(answered).toBeGreaterThanOrEqual(600);
    expect(answered).toBeLessThan(1300);
    expect(response.headers.get('retry-after')).toBe('60');
    expect(await response.json()).toMatchObject({
      error_type: 'rate_limited',
      error: expect.stringMatching(/requests/),
    });
    expect((await ask('192.0.2.2')).status).toBe(400);
    expect((await withLimits({ RATE_LIMITS: 'off' }).ask({}, '/tokenize', from('192.0.2.1'))).status).toBe(400);
  });

  it.each([{}, { API_KEYS: KEY }])('lets no cache keep a GET that was refused for it, with %o', async (keys) => {
    const RATE_LIMITER = { limit: () => Promise.resolve({ success: false }) };
    const response = await withLimits({ RATE_LIMITER, ...keys }).request('/fill-mask?inputs=a', {
      headers: withKey(KEY),
    });
    expect([response.status, response.headers.get('cache-control')]).toEqual([429, 'no-store']);
  });

  it('counts a network of IPv6 as one caller, also as part of its site, and a key apart from its address', async () => {
    const asked: string[] = [];
    const RATE_LIMITER = {
      limit: ({ key }: { key: string }) => {
        asked.push(key);
        return Promise.resolve({ success: true });
      },
    };
    const recorded = withLimits({ RATE_LIMITER, API_KEYS: KEY });
    await recorded.ask({}, '/tokenize', { ...from('2001:db8:1:2:3::4'), ...withKey(KEY) });
    const open = withLimits({ RATE_LIMITER });
    await open.ask({}, '/tokenize', from('2001:db8::1'));
    await open.ask({}, '/tokenize', from('2001:db8::2'));
    await open.ask({}, '/tokenize', from('192.0.2.1'));
    expect(asked).toEqual([
      expect.stringMatching(/^key:[0-9a-f]{16}$/),
      'address:2001:db8::/64',
      'site:2001:db8::/48:0',
      'address:2001:db8::/64',
      'site:2001:db8::/48:0',
      'address:192.0.2.1',
    ]);
  });

  it('has a budget for expensive work: a search spends it, a cached answer and a short text do not', async () => {
    let units = 0;
    const EXPENSIVE_RATE_LIMITER = {
      limit: ({ key }: { key: string }) => {
        expect(key).toBe('address:unknown');
        return Promise.resolve({ success: ++units <= 2 });
      },
    };
    const limited = withLimits({ EXPENSIVE_RATE_LIMITER });
    const search = { ...question, parameters: { strategy: 'joint', num_beams: 30 } };
    const long = { inputs: `${'word '.repeat(100)}[MASK] [MASK] [MASK]`, parameters: search.parameters };
    expect((await limited.ask(question)).status).toBe(200);
    expect(units).toBe(0);
    const refused = await limited.ask(long);
    expect(units).toBe(3);
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({
      error_type: 'rate_limited',
      error: expect.stringMatching(/expensive/),
    });
    expect((await limited.ask(question)).status).toBe(200);
  });

  it.each([
    ['GET', '/nothing', 404],
    ['GET', '/models/nobody/fill-mask?inputs=a', 404],
    ['GET', '/score', 405],
    ['POST', '/fill-mask', 401],
    ['GET', '/ready', 200],
    ['GET', '/info', 200],
    ['GET', '/models', 200],
  ])('counts %s %s by its address, once, and refuses it with 429', async (method, path, expected) => {
    const RATE_LIMITER = limiter();
    const limited = withLimits({ RATE_LIMITER, API_KEYS: KEY });
    const ask = () => limited.request(path, { method, headers: from('192.0.2.1') });
    expect((await ask()).status).toBe(expected);
    expect(RATE_LIMITER.limit.mock.calls).toEqual([[{ key: 'address:192.0.2.1' }]]);
    RATE_LIMITER.limit.mockResolvedValue({ success: false });
    const reads = vi.spyOn(env.MODELS, 'get');
    const refused = await ask();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60']);
    expect(refused.headers.get('www-authenticate')).toBeNull();
    expect(refused.headers.get('allow')).toBeNull();
    expect(refused.headers.get('access-control-allow-origin')).toBe('*');
    expect(refused.headers.get('cache-control')).toBe('no-store');
    expect(await refused.json()).toMatchObject({ error_type: 'rate_limited' });
    expect(reads).not.toHaveBeenCalled();
    reads.mockRestore();
  });

  it('counts a request that names an unknown model in its body once, and /health and the page never', async () => {
    const RATE_LIMITER = limiter();
    const limited = withLimits({ RATE_LIMITER });
    expect((await limited.ask({ ...question, model: 'nobody' })).status).toBe(404);
    for (const path of ['/health', '/']) expect((await limited.request(path)).status).toBe(200);
    expect(RATE_LIMITER.limit).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['bytes of bodies', '/score', () => ({ inputs: 1, more: 'x'.repeat(500_000) }), 400],
    ['characters', '/tokenize', () => ({ inputs: Array.from({ length: 32 }, () => ' '.repeat(4000)) }), 200],
    [
      'characters that are refused',
      '/score',
      () => ({ inputs: Array.from({ length: 32 }, () => ' '.repeat(4000)) }),
      422,
    ],
    [
      'bytes of answers',
      '/fill-mask',
      () => ({ inputs: `[MASK]${'a'.repeat(4000)}`, parameters: { top_k: 100, truncation: true } }),
      200,
    ],
    ['mere requests', '/tokenize', () => ({}), 400],
  ])('lets nobody have %s beyond the budget', async (_, path, body, expected) => {
    const EXPENSIVE_RATE_LIMITER = limiter();
    EXPENSIVE_RATE_LIMITER.limit.mockResolvedValue({ success: false });
    const limited = withLimits({ EXPENSIVE_RATE_LIMITER });
    const debit = vi.spyOn(Payer.prototype, 'debit');
    const ask = () => limited.ask(body(), path, from('192.0.2.9'));
    const first = await ask();
    expect(first.status).toBe(expected);
    await first.arrayBuffer();
    const work = debit.mock.calls.reduce((sum, [one]) => sum + one, 0);
    const enough = Math.ceil(EXPENSIVE_WORK / work);
    expect(enough).toBeLessThan(2000);
    // The work of a whole unit at once: as many requests as this one would take.
    (debit.mock.contexts[0] as Payer).debit(work * (enough - 1));
    const refused = await ask();
    expect(refused.status).toBe(429);
    expect(EXPENSIVE_RATE_LIMITER.limit.mock.calls).toEqual([[{ key: 'address:192.0.2.9' }]]);
    expect((await limited.ask(body(), path, from('192.0.2.10'))).status).toBe(expected);
    debit.mockRestore();
  });

  it('counts no work that was refused, and charges nothing of what no budget pays', async () => {
    const EXPENSIVE_RATE_LIMITER = limiter();
    EXPENSIVE_RATE_LIMITER.limit.mockResolvedValue({ success: false });
    const long = {
      inputs: `${'word '.repeat(100)}[MASK] [MASK] [MASK]`,
      parameters: { strategy: 'joint', num_beams: 30 },
    };
    const limited = withLimits({ EXPENSIVE_RATE_LIMITER });
    expect((await limited.ask(long)).status).toBe(429);
    expect(EXPENSIVE_RATE_LIMITER.limit).toHaveBeenCalledTimes(1);
    const metrics = await (await limited.request('/metrics')).text();
    expect(metrics).toContain(`edge_fill_mask_multiply_adds_total{model="${env.MODEL}"} 0\n`);

    const poor = withLimits({ EXPENSIVE_RATE_LIMITER, EXPENSIVE_LIMIT: '2' });
    const refused = await poor.ask(long);
    expect(refused.status).toBe(422);
    expect(await refused.json()).toMatchObject({
      error_type: 'too_much_work',
      error: expect.stringContaining('The limit is 20.0.'),
    });
    expect(EXPENSIVE_RATE_LIMITER.limit).toHaveBeenCalledTimes(1);
    expect(await (await poor.request('/info')).json()).toMatchObject({ limits: { multiply_adds: 20e9 } });
    expect((await withLimits({ EXPENSIVE_LIMIT: '2', RATE_LIMITS: 'off' }).ask(long)).status).toBe(200);
  });
});

const unasked = () => ({ inputs: `The [MASK] barked at ${crypto.randomUUID()}.` });
const status = (response: Response) => response.headers.get('cache-status');

describe('what callers see of each other', () => {
  const API_KEYS = `${KEY} ${NEXT}`;

  it('with keys, is no entry of the cache: each has its own', async () => {
    const app = freshApp({ API_KEYS, CACHE_STATUS: 'keys' });
    const asked = unasked();
    expect(status(await app.ask(asked, '/fill-mask', withKey(KEY)))).toMatch(/fwd=miss/);
    expect(status(await app.ask(asked, '/fill-mask', withKey(NEXT)))).toMatch(
      /^isolate; fwd=miss; stored, edge; fwd=miss/,
    );
    expect(status(await app.ask(asked, '/fill-mask', withKey(KEY)))).toMatch(/^isolate; hit/);
    const other = freshApp({ API_KEYS, CACHE_STATUS: 'keys' });
    expect(status(await other.ask(asked, '/fill-mask', withKey(NEXT)))).toMatch(/edge; hit/);
  });

  it('with CACHE_SCOPE = shared, is whether somebody asked the same', async () => {
    const app = freshApp({ API_KEYS, CACHE_SCOPE: 'shared', CACHE_STATUS: 'keys' });
    const asked = unasked();
    await app.ask(asked, '/fill-mask', withKey(KEY));
    expect(status(await app.ask(asked, '/fill-mask', withKey(NEXT)))).toMatch(/^isolate; hit/);
  });

  it.each([
    ['keys', false],
    ['none', false],
    ['all', true],
  ])(
    'without keys and with CACHE_STATUS = %s: headers of the cache and of the time are there: %s',
    async (CACHE_STATUS, shown) => {
      const response = await freshApp({ CACHE_STATUS }).ask(unasked());
      expect(response.headers.has('cache-status')).toBe(shown);
      expect(response.headers.has('server-timing')).toBe(shown);
    },
  );

  it('is nothing of before CACHE_EPOCH changed', async () => {
    const asked = unasked();
    const before = freshApp({ CACHE_EPOCH: '1' });
    await before.ask(asked);
    expect(status(await before.ask(asked))).toMatch(/^isolate; hit/);
    expect(status(await freshApp({ CACHE_EPOCH: '1' }).ask(asked))).toMatch(/edge; hit/);
    expect(status(await freshApp({ CACHE_EPOCH: '2' }).ask(asked))).toMatch(/edge; fwd=miss/);
  });

  it('is nothing older than CACHE_DAYS', async () => {
    const asked = unasked();
    const app = freshApp({ CACHE_DAYS: '0.5' });
    await app.ask(asked);
    expect(status(await app.ask(asked))).toMatch(/^isolate; hit; ttl=43(200|19\d)$/);
    const now = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 43_201_000);
    expect(status(await app.ask(asked))).toMatch(/^isolate; fwd=miss; stored, edge; fwd=miss/);
    now.mockRestore();
  });
});

it('has the bindings of wrangler.toml', () => {
  expect(env.RATE_LIMITER).toBeDefined();
  expect(env.EXPENSIVE_RATE_LIMITER).toBeDefined();
  expect(env.VERSION.id).toMatch(/^[0-9a-f-]{36}$/);
});
