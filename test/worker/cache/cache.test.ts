/** The caches, on workerd's own Cache API: that of the isolate (an app) and that of the edge (all apps of this file). */
import { kind } from '#kind';
import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { createCaches } from '../../../src/cache/caches.ts';
import { type Manifest, objectKey, sealManifest } from '../../../src/model/manifest.ts';
import { getOrCompute } from '../../../src/pipelines/get-or-compute.ts';
import { PAID_CACHE_OPERATIONS } from '../../../src/limits.ts';
import { fail, ok } from '../../../src/result.ts';
import { toFillMaskQuestion } from '../../../src/http/to-question.ts';
import { findMasks } from '../../../src/tokenizer/masks.ts';
import { createTokenizer } from '../../../src/tokenizer/create-tokenizer.ts';
import { builtFile, cacheEpoch, fillBucket, freshApp, OBJECTS } from '../bucket.ts';
import { answerKey, predictionKey } from '../../../src/cache/keys.ts';

const ENTRIES = 'http://edge/.edge-cache/';

beforeAll(fillBucket);

/** A bucket that fails every read. */
const BROKEN = {
  get: () => Promise.reject(new Error('there is no bucket')),
} as unknown as R2Bucket;

const status = (response: Response) => response.headers.get('cache-status');
const work = (response: Response) => response.headers.get('server-timing');
/** A request that no other test sends. */
let number = 0;
const unasked = () => `Question ${++number} of ${kind.file} is a [MASK].`;

const builtManifest = async () => JSON.parse(new TextDecoder().decode(await builtFile('manifest.json'))) as Manifest;

async function keysOf(text: string, top_k = 5) {
  const { special_tokens } = await builtManifest();
  const encoding = createTokenizer(await builtFile('tokenizer.bin'), special_tokens).encode(findMasks(text));
  const served = { model: env.MODEL, numerics: kind.numerics, partition: JSON.stringify([cacheEpoch(), null]) };
  const question = toFillMaskQuestion({ inputs: text, parameters: { top_k } });
  return {
    answer: await answerKey(served, question, text),
    prediction: await predictionKey(served, question, findMasks(text), encoding),
  };
}

describe('a repeated request', () => {
  it('is answered by the isolate, without a read, a tokenization or a run', async () => {
    const app = freshApp();
    const inputs = unasked();
    const first = await app.ask({ inputs });
    expect(status(first)).toBe('isolate; fwd=miss; stored, edge; fwd=miss; stored');
    expect(work(first)).toMatch(/infer;desc="tokens=[1-9]\d* masks=1"/);
    expect(first.headers.get('age')).toBeNull();

    const second = await app.ask({ inputs });
    expect(status(second)).toMatch(/^isolate; hit; ttl=\d+$/);
    expect(second.headers.get('age')).toBeNull();
    expect(work(second)).toContain('infer;desc="tokens=0 masks=0"');
    expect(await second.json()).toEqual(await first.json());
  });

  it('is answered by a cold isolate that cannot read its bucket', async () => {
    const inputs = unasked();
    const first = await (await freshApp().ask({ inputs })).json();
    const cold = freshApp({ MODELS: BROKEN });
    const answer = await cold.ask({ inputs });
    expect(answer.status).toBe(200);
    expect(status(answer)).toMatch(/^isolate; fwd=miss, edge; hit; ttl=\d+$/);
    expect(await answer.json()).toEqual(first);
    expect(status(await cold.ask({ inputs }))).toMatch(/^isolate; hit/);
    expect((await cold.ask({ inputs: unasked() })).status).toBe(502);
  });

  it('may differ in case, accents or spaces; each response has its own text', async () => {
    const app = freshApp();
    const inputs = `The cafe ${++number} is ${kind.description.name} [MASK].`;
    const [{ token_str }] = (await (await app.ask({ inputs })).json()) as [{ token_str: string }];
    for (const alike of [
      inputs.toUpperCase(),
      inputs.replace('cafe', 'café'),
      inputs.replace('cafe', 'cafe\u0301'),
      inputs.replaceAll(' ', '   '),
      inputs.replace('[MASK]', '<mask>'),
    ]) {
      const answer = await app.ask({ inputs: alike });
      expect(status(answer), alike).toMatch(/^isolate; hit/);
      const [best] = (await answer.json()) as [{ sequence: string }];
      expect(best.sequence).toBe(alike.replace(/\[MASK\]|<mask>/, token_str));
    }
  });

  it('in a new spelling is answered by a cold isolate that reads the tokenizer, and no byte of the weights', async () => {
    const inputs = unasked();
    await freshApp().ask({ inputs });
    const read: string[] = [];
    const cancelled: string[] = [];
    const bucket = {
      async get(key: string) {
        read.push(key.split('/').at(-1) ?? '');
        const object = await env.MODELS.get(key);
        if (!object) return object;
        const { body, size } = object;
        const cancel = body.cancel.bind(body);
        body.cancel = (reason) => (cancelled.push(read.at(-1) ?? ''), cancel(reason));
        return { body, size };
      },
    } as unknown as R2Bucket;
    const answer = await freshApp({ MODELS: bucket }).ask({ inputs: inputs.toUpperCase() });
    expect(status(answer)).toMatch(/^isolate; fwd=miss, edge; hit/);
    expect(read).toEqual(['manifest.json', 'tokenizer.bin', kind.file]);
    await vi.waitFor(() => expect(cancelled).toEqual([kind.file]));
  });

  it('with other parameters is a miss', async () => {
    const app = freshApp();
    const inputs = unasked();
    await app.ask({ inputs });
    for (const parameters of [
      { top_k: 4 },
      { targets: ['dog'] },
      { targets: ['dog', 'cat'] },
      { targets: ['dog'], top_k: 5 },
    ]) {
      const answer = await app.ask({ inputs, parameters });
      expect(status(answer), JSON.stringify(parameters)).toMatch(/^isolate; fwd=miss/);
      expect(status(await app.ask({ inputs, parameters }))).toMatch(/^isolate; hit/);
    }
  });
});

describe('a list of texts', () => {
  it('computes equal texts once, and cached ones not at all', async () => {
    const app = freshApp();
    const [one, other] = [unasked(), unasked()];
    const first = await app.ask({ inputs: [one, one, one.toUpperCase()] });
    expect(work(first)).toContain('tokenize;desc="texts=1"');
    const second = await app.ask({ inputs: [other, one] });
    expect(status(second)).toBe('isolate; fwd=partial; stored, edge; fwd=miss; stored');
    expect(work(second)).toContain('tokenize;desc="texts=1"');
    expect(status(await app.ask({ inputs: [one, other] }))).toMatch(/^isolate; hit/);
  });

  it.each([
    ['one text', { inputs: 'The [MASK] barked at noon.' }],
    ['a list of one', { inputs: ['The [MASK] barked at noon.'] }],
    ['several masks', { inputs: 'I [MASK] because [MASK] are <mask>.', parameters: { top_k: 3 } }],
    ['several texts', { inputs: ['The [MASK] ran.', 'A [MASK] and a [MASK].', 'The [MASK] ran.'] }],
    ['targets', { inputs: ['The [MASK] ran.', 'THE [MASK] ran.'], parameters: { targets: ['dog', 'cat'] } }],
  ])('and %s are answered alike with and without the cache', async (_, question) => {
    const app = freshApp();
    const without = await (await freshApp({ CACHE: 'off' }).ask(question)).text();
    expect(await (await app.ask(question)).text()).toBe(without);
    expect(await (await app.ask(question)).text()).toBe(without);
    expect(await (await freshApp({ MODELS: BROKEN }).ask(question)).text()).toBe(without);
  });
});

/** Whether anybody who knows the URL finds an entry. */
const found = async (url: string) => (await caches.default.match(url)) !== undefined;

/** What is asked of the edge cache from now on. */
function countOperations() {
  const [gets, puts] = [vi.spyOn(caches.default, 'match'), vi.spyOn(caches.default, 'put')];
  return () => {
    const counts = [gets.mock.calls.length, puts.mock.calls.length];
    for (const spy of [gets, puts]) spy.mockClear();
    return counts;
  };
}

describe('the edge cache', () => {
  afterEach(() => void vi.restoreAllMocks());

  it('is asked once for an exact text, and a text that reads the same shares its run', async () => {
    const operations = countOperations();
    const inputs = unasked();
    await freshApp().ask({ inputs });
    // The answer to the text and that to its tokens.
    expect(operations()).toEqual([2, 2]);
    const cold = freshApp({ MODELS: BROKEN });
    await cold.ask({ inputs });
    expect(operations()).toEqual([1, 0]);
    await cold.ask({ inputs });
    expect(operations()).toEqual([0, 0]);
    await freshApp().ask({ inputs: inputs.toUpperCase() });
    expect(operations()).toEqual([2, 1]);
    expect(status(await freshApp({ MODELS: BROKEN }).ask({ inputs: inputs.toUpperCase() }))).toMatch(/edge; hit/);
    expect(operations()).toEqual([1, 0]);
    await freshApp().ask({ inputs: [inputs, inputs] }, '/fill-mask', { 'cache-control': 'no-cache' });
    expect(operations()).toEqual([0, 2]);
  });

  it('names no entry so that a stranger could find it, where there is a secret', async () => {
    const put = vi.spyOn(caches.default, 'put');
    const inputs = unasked();
    // All that a name follows from but the secret.
    const names = Object.values(await keysOf(inputs));
    const secret = { CACHE_SECRET: 'a secret of this test' };
    await freshApp(secret).ask({ inputs });
    for (const name of names) expect(await found(ENTRIES + name)).toBe(false);
    const written = put.mock.calls.map(([url]) => url as string);
    expect(written).toHaveLength(names.length);
    for (const url of written) expect(await found(url)).toBe(true);
    expect(status(await freshApp({ ...secret, MODELS: BROKEN }).ask({ inputs }))).toMatch(/edge; hit/);
    // A version that has no secret yet, or another one, shares nothing with it.
    expect(status(await freshApp().ask({ inputs }))).toMatch(/edge; fwd=miss/);
    for (const name of names) expect(await found(ENTRIES + name)).toBe(true);
  });

  it('has its entries below BASE_PATH, where the worker answers before the cache', async () => {
    const put = vi.spyOn(caches.default, 'put');
    const app = freshApp({ BASE_PATH: '/masks' });
    expect((await app.ask({ inputs: unasked() }, '/masks/fill-mask')).status).toBe(200);
    for (const [url] of put.mock.calls) {
      expect(url).toMatch(/^http:\/\/edge\/masks\/\.edge-cache\//);
      expect((await app.request(url as string)).status).toBe(404);
    }
    expect(put).toHaveBeenCalledTimes(2);
  });

  it.each([
    ['truncated', { truncation: true, return_offsets: true }],
    ['joint', { strategy: 'joint', top_k: 3, return_offsets: true }],
    ['with targets', { targets: ['dog', 'sleeping'] }],
  ])('has all that an answer %s needs, without tokenizer and manifest', async (_, parameters) => {
    const inputs = `${unasked()} ${'truncation' in parameters ? 'Again and again. '.repeat(300) : 'Or a [MASK]?'}`;
    const first = await freshApp().answer({ inputs, parameters });
    expect(JSON.stringify(first).includes('"truncated"')).toBe('truncation' in parameters);
    const answer = await freshApp({ MODELS: BROKEN }).ask({ inputs, parameters });
    expect(status(answer)).toMatch(/edge; hit/);
    expect(await answer.json()).toEqual(first);
  });

  it('knows how a model spells its masks', async () => {
    const [, revision = ''] = env.MODEL.split('@');
    const { checksum: _, ...manifest } = await builtManifest();
    const token = 'the';
    const tokenizer = createTokenizer(await builtFile('tokenizer.bin'), manifest.special_tokens);
    const [, id = 0] = tokenizer.encode({ text: token, masks: [] }).input_ids;
    const special_tokens = { ...manifest.special_tokens, mask: { id, token } };
    for (const name of OBJECTS) await env.MODELS.put(objectKey('own', revision, name), await builtFile(name));
    const sealed = await sealManifest({ ...manifest, id: 'own', special_tokens });
    await env.MODELS.put(objectKey('own', revision, 'manifest.json'), JSON.stringify(sealed));

    const MODEL = `own@${revision}`;
    const inputs = [`${token} ${++number} is old.`, unasked()];
    const first = await (await freshApp({ MODEL }).ask({ inputs })).json();
    expect(first).toHaveLength(2);
    const cold = freshApp({ MODEL, MODELS: BROKEN });
    for (const tier of [/edge; hit/, /^isolate; hit/]) {
      const answer = await cold.ask({ inputs });
      expect(status(answer)).toMatch(tier);
      expect(await answer.json()).toEqual(first);
    }
    expect((await freshApp({ MODEL }).ask({ inputs: `${token} ${number} is [MASK].` })).status).toBe(422);
  });

  it('stores all of 32 texts on the Paid plan', async () => {
    const operations = countOperations();
    const inputs = Array.from({ length: 32 }, unasked);
    const paid = { CACHE_OPERATIONS: String(PAID_CACHE_OPERATIONS) };
    const first = await freshApp(paid).ask({ inputs });
    expect(status(first)).toBe('isolate; fwd=miss; stored, edge; fwd=miss; stored');
    expect(operations()).toEqual([64, 64]);
    const second = await freshApp({ ...paid, MODELS: BROKEN }).ask({ inputs });
    expect(status(second)).toMatch(/^isolate; fwd=miss, edge; hit; ttl=\d+$/);
    expect(operations()).toEqual([32, 0]);
    expect(await second.text()).toBe(await first.text());
  });

  it('stores 13 of 32 texts with each request on the Free plan, until it has all', async () => {
    const operations = countOperations();
    const inputs = Array.from({ length: 32 }, unasked);
    const first = await freshApp().ask({ inputs });
    expect(status(first)).toBe('isolate; fwd=miss; stored, edge; fwd=miss; detail="stored 13 of 32"');
    expect(operations()).toEqual([32, 13]);
    const text = await first.text();
    for (const [computed, edge] of [
      [19, 'partial; detail="stored 13 of 19"'],
      [6, 'partial; stored'],
    ] as const) {
      const answer = await freshApp().ask({ inputs });
      expect(status(answer)).toBe(`isolate; fwd=miss; stored, edge; fwd=${edge}`);
      expect(work(answer)).toContain(`texts=${computed}"`);
      expect(await answer.text()).toBe(text);
    }
    expect(status(await freshApp({ MODELS: BROKEN }).ask({ inputs }))).toMatch(/edge; hit/);
  });

  it('does not claim what it refused', async () => {
    vi.spyOn(caches.default, 'put').mockRejectedValue(new Error('full'));
    expect(status(await freshApp().ask({ inputs: unasked() }))).toBe('isolate; fwd=miss; stored, edge; fwd=miss');
  });

  it('is left alone where CACHE_OPERATIONS is 0, and on workers.dev, where it keeps nothing', async () => {
    const operations = countOperations();
    const inputs = unasked();
    expect(status(await freshApp({ CACHE_OPERATIONS: '0' }).ask({ inputs }))).toBe('isolate; fwd=miss; stored');
    const elsewhere = await freshApp().request('https://masks.somebody.workers.dev/fill-mask', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ inputs }),
    });
    expect(status(elsewhere)).toBe('isolate; fwd=miss; stored');
    expect(operations()).toEqual([0, 0]);
  });

  it.each(['many', '-1', '4.5', '1001', ''])('refuses CACHE_OPERATIONS = "%s"', async (CACHE_OPERATIONS) => {
    const answer = await freshApp({ CACHE_OPERATIONS }).ask({ inputs: unasked() });
    expect(answer.status).toBe(500);
    expect(await answer.json()).toMatchObject({ error: expect.stringContaining('CACHE_OPERATIONS') });
  });
});

describe('an error', () => {
  it('names the first of equal texts', async () => {
    const long = `[MASK] ${'tree '.repeat(600)}`;
    const answer = await freshApp().ask({ inputs: [unasked(), long, long] });
    expect(answer.status).toBe(422);
    expect(await answer.json()).toMatchObject({ error: expect.stringContaining('inputs[1]') });
    const full = `[MASK] ${'tree '.repeat(507)}`;
    const parameters = { targets: ['Constantinople and Byzantium'] };
    const refused = await freshApp().ask({ inputs: [unasked(), full, full, full.toUpperCase()], parameters });
    expect(refused.status).toBe(422);
    expect(await refused.json()).toMatchObject({ error: expect.stringContaining('inputs[1]') });
  });
});

const nothing = () => Promise.resolve();

describe('concurrent requests', () => {
  it('run the model once if they are equal', async () => {
    const app = freshApp();
    const inputs = unasked();
    const answers = await Promise.all(Array.from({ length: 8 }, () => app.ask({ inputs })));
    const runs = answers.map(work).filter((timing) => /tokens=[1-9]/.test(timing ?? ''));
    expect(runs).toHaveLength(1);
    const texts = await Promise.all(answers.map((answer) => answer.text()));
    expect(new Set(texts).size).toBe(1);
  });

  it('do not share an error that only one of them deserves', async () => {
    const { pairs } = createCaches();
    const policy = { read: true, write: true, edge: undefined, ttl_s: 3600, waitUntil: () => undefined };
    const context = { policy, signal: new AbortController().signal };
    const refusal = { reason: 'too_much_work', by: 'score', work: 2, limit: 1 } as const;
    const released = Promise.withResolvers<void>();
    const refused = getOrCompute(['shared', 'more'], pairs, context, nothing, async () => {
      await released.promise;
      return fail(refusal);
    });
    await vi.waitUntil(() => pairs.inFlight.size === 2);
    const answered = getOrCompute(['shared'], pairs, context, nothing, async () =>
      ok([[0.5, 0.5] as [number, number]]),
    );
    // It waits without a computation of its own.
    await new Promise((resolve) => setTimeout(resolve));
    expect(pairs.inFlight.size).toBe(2);
    released.resolve();
    expect(await refused).toEqual(fail(refusal));
    expect(await answered).toMatchObject({ ok: true, value: { found: new Map([['shared', { value: [0.5, 0.5] }]]) } });
  });
});

describe('a client', () => {
  it.each([
    ['cache-control', 'no-cache'],
    ['cache-control', 'max-age=0, No-Cache'],
    ['x-use-cache', 'false'],
  ])('that says %s: %s runs the model again and caches the answer', async (name, value) => {
    const app = freshApp();
    const inputs = unasked();
    for (let i = 0; i < 2; i++) {
      const answer = await app.ask({ inputs }, '/fill-mask', { [name]: value });
      expect(status(answer)).toBe('isolate; fwd=request; stored, edge; fwd=request; stored');
      expect(work(answer)).toMatch(/tokens=[1-9]/);
    }
    expect(status(await app.ask({ inputs }))).toMatch(/^isolate; hit/);
  });

  it('that sends no-store leaves nothing in the cache', async () => {
    const app = freshApp();
    const inputs = unasked();
    const answer = await app.ask({ inputs }, '/fill-mask', { 'cache-control': 'no-store' });
    expect(status(answer)).toBe('isolate; fwd=request, edge; fwd=request');
    const { answer: exact, prediction } = await keysOf(inputs);
    for (const key of [exact, prediction]) expect(await caches.default.match(ENTRIES + key)).toBeUndefined();
    expect(status(await app.ask({ inputs }))).toMatch(/^isolate; fwd=miss/);
  });
});

describe('the variable CACHE', () => {
  it('off caches nothing', async () => {
    const app = freshApp({ CACHE: 'off' });
    const inputs = unasked();
    for (let i = 0; i < 2; i++) {
      const answer = await app.ask({ inputs });
      expect(status(answer)).toBe('isolate; fwd=bypass');
      expect(work(answer)).toMatch(/tokens=[1-9]/);
    }
    const { answer: exact, prediction } = await keysOf(inputs);
    for (const key of [exact, prediction]) expect(await caches.default.match(ENTRIES + key)).toBeUndefined();
  });

  it('of any other value is a configuration error', async () => {
    const answer = await freshApp({ CACHE: 'sometimes' }).ask({ inputs: unasked() });
    expect(answer.status).toBe(500);
    expect(await answer.json()).toMatchObject({ error_type: 'misconfigured', error: expect.stringContaining('CACHE') });
  });
});

describe('a new revision', () => {
  it('is not answered from the cache of the old one, which still serves after a rollback', async () => {
    const [, revision = ''] = env.MODEL.split('@');
    const { checksum: _, ...manifest } = await builtManifest();
    for (const name of OBJECTS) await env.MODELS.put(objectKey('other', revision, name), await builtFile(name));
    const sealed = await sealManifest({ ...manifest, id: 'other' });
    await env.MODELS.put(objectKey('other', revision, 'manifest.json'), JSON.stringify(sealed));

    const inputs = unasked();
    const app = freshApp();
    await app.ask({ inputs });
    expect(status(await freshApp({ MODEL: `other@${revision}` }).ask({ inputs }))).toMatch(
      /fwd=miss; stored, edge; fwd=miss/,
    );
    expect(status(await app.ask({ inputs }))).toMatch(/^isolate; hit/);
    expect(status(await freshApp({ MODELS: BROKEN }).ask({ inputs }))).toMatch(/edge; hit/);
  });
});

describe('a corrupt entry of the edge cache', () => {
  it('is a miss and is replaced', async () => {
    const inputs = unasked();
    const expected = await (await freshApp().ask({ inputs })).text();
    const { answer: exact, prediction } = await keysOf(inputs);
    const good = {
      exact: (await (await caches.default.match(ENTRIES + exact))?.text()) ?? '',
      prediction: (await (await caches.default.match(ENTRIES + prediction))?.text()) ?? '',
    };
    expect(good.exact).toContain('input_ids');
    const put = (key: string, body: string) =>
      caches.default.put(ENTRIES + key, new Response(body, { headers: { 'cache-control': 'max-age=60' } }));
    const damages: ((text: string) => string)[] = [
      (text) => text.slice(0, -1),
      (text) => text.slice(0, text.length / 2),
      () => '',
      () => '<html>',
      () => '\0\u{10ffff}',
      () => 'null',
      (text) => text.replace(/"version":\d/, '"version":0'),
      (text) => text.replace(/"key":"./, '"key":"x'),
      (text) => text.replace(/"value":/, '"worth":'),
      (text) => text.replaceAll(/\d+/g, '"1"'),
    ];
    for (const damage of damages) {
      await put(exact, damage(good.exact));
      await put(prediction, damage(good.prediction));
      const answer = await freshApp().ask({ inputs });
      expect(status(answer), damage(good.prediction)).toMatch(/edge; fwd=miss; stored$/);
      expect(await answer.text()).toBe(expected);
      expect(status(await freshApp({ MODELS: BROKEN }).ask({ inputs }))).toMatch(/edge; hit/);
    }
  });
});

const get = (query: string, headers: Record<string, string> = {}, changed: Partial<Env> = {}) =>
  freshApp(changed).request(`/fill-mask?${query}`, { headers });

describe('GET /fill-mask', () => {
  const query = 'inputs=The+[MASK]+barked.&top_k=2';

  it('answers like POST, and tells how long the response may be cached', async () => {
    const answer = await get(query);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300, s-maxage=3600');
    expect(answer.headers.get('etag')).toMatch(/^"[0-9a-f]{32}"$/);
    const posted = await freshApp().ask({ inputs: 'The [MASK] barked.', parameters: { top_k: 2 } });
    expect(await answer.text()).toBe(await posted.text());
  });

  it('accepts several texts and several targets', async () => {
    const answer = await get('inputs=A+[MASK].&inputs=The+[MASK].&targets=dog&targets=cat');
    const posted = await freshApp().ask({
      inputs: ['A [MASK].', 'The [MASK].'],
      parameters: { targets: ['dog', 'cat'] },
    });
    expect(await answer.text()).toBe(await posted.text());
  });

  it('accepts every parameter of a POST', async () => {
    const answer = await get(
      'inputs=A+[MASK]+of+[MASK].&strategy=joint&num_beams=4&top_k=3&return_offsets=true&truncation=false',
    );
    const posted = await freshApp().ask({
      inputs: 'A [MASK] of [MASK].',
      parameters: { strategy: 'joint', num_beams: 4, top_k: 3, return_offsets: true, truncation: false },
    });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe(await posted.text());
  });

  it('answers 304 to a client that has the response, by weak comparison, without Age', async () => {
    const tag = (await get(query)).headers.get('etag') ?? '';
    for (const known of [tag, `W/${tag}`, `"other", W/${tag}`, '*']) {
      const answer = await get(query, { 'if-none-match': known });
      expect(answer.status, known).toBe(304);
      expect(await answer.text()).toBe('');
      expect(answer.headers.get('etag')).toBe(tag);
      expect(answer.headers.get('cache-control')).toMatch(/^public, max-age=300/);
      // It may come from a cache of days, but is fresh for the client.
      expect(answer.headers.get('age')).toBeNull();
    }
    for (const unknown of ['"other"', tag.replaceAll('"', ''), '']) {
      expect((await get(query, { 'if-none-match': unknown })).status, unknown).toBe(200);
    }
  });

  it.each([
    ['', 400, /inputs/],
    ['inputs=The+[MASK].&topk=3', 400, /^topk is not a known parameter\. Known are inputs, top_k, targets, /],
    ['inputs=The+[MASK].&strategy=both', 400, /^strategy must be "independent" or "joint"/],
    ['inputs=The+[MASK].&return_offsets=yes', 400, /^return_offsets must be true or false/],
    ['inputs=The+[MASK].&top_k=2&top_k=3', 400, /^top_k is given 2 times: give it once/],
    ['inputs=The+[MASK].&top_k=many', 400, /^top_k must be a whole number/],
    ['inputs=The+[MASK].&top_k=1001', 400, /^top_k must be a whole number/],
    ['inputs=no+mask', 422, /has no mask/],
  ])('refuses "%s", for seconds', async (wrong, code, sentence) => {
    const answer = await get(wrong);
    expect(answer.status).toBe(code);
    expect(answer.headers.get('cache-control')).toBe('public, max-age=5');
    expect(answer.headers.get('etag')).toBeNull();
    expect(await answer.json()).toMatchObject({ error: expect.stringMatching(sentence) });
  });

  it('must not be cached if it fails through no fault of the client', async () => {
    const answer = await get(`inputs=${encodeURIComponent(unasked())}`, {}, { MODELS: BROKEN });
    expect(answer.status).toBe(502);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('varies by origin if only some may read it', async () => {
    const answer = await get(
      query,
      { origin: 'https://a.example' },
      { ALLOWED_ORIGINS: 'https://a.example, https://b.example' },
    );
    expect(answer.headers.get('vary')).toMatch(/origin/i);
    expect((await get(query)).headers.get('vary')).toBeNull();
  });

  it('answers HEAD without a body', async () => {
    const answer = await freshApp().request(`/fill-mask?${query}`, { method: 'HEAD' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('etag')).toMatch(/^"/);
    expect(await answer.text()).toBe('');
  });
});
