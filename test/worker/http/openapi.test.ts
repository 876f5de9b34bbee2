import { kind } from '#kind';
import { describe, expect, it, vi } from 'vitest';

import { createApp } from '../../../src/app.ts';
import { createOpenApiDocument } from '../../../src/http/openapi.ts';
import { MAX_BODY_BYTES } from '../../../src/limits.ts';
import { fillBucket, freshApp } from '../bucket.ts';

interface Document {
  readonly paths: Record<string, Record<string, { readonly responses: Record<string, Described> }>>;
}
interface Described {
  readonly headers?: Record<string, { readonly $ref: string }>;
  readonly content?: Record<string, { readonly examples?: Record<string, { readonly value: unknown }> }>;
}

const document = createOpenApiDocument() as Document;

/** The documents themselves. */
const UNDOCUMENTED = new Set(['GET /openapi.json', 'GET /docs']);

it('every route is in the OpenAPI document, and nothing else', () => {
  const routes = createApp(kind)
    .routes.filter(({ method, path }) => method !== 'ALL' && !path.startsWith('/models/:model'))
    .map(({ method, path }) => `${method} ${path}`)
    .filter((route) => !UNDOCUMENTED.has(route));
  const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(new Set(routes)).toEqual(new Set(documented));
});

it('examples that no worker recorded are what a worker answers', async () => {
  const app = freshApp({ API_KEYS: 'a-key-of-20-characters' });
  const bucket = { get: () => Promise.resolve(null) } as unknown as R2Bucket;
  const post = { method: 'POST', body: 'inputs=a', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
  const answers = {
    401: await app.request('/score', post),
    413: await freshApp().ask(JSON.stringify({ inputs: 'a'.repeat(MAX_BODY_BYTES) }), '/score'),
    415: await freshApp().request('/score', post),
    502: await freshApp({ MODEL: 'albert-edge@0123456789abcdef', MODELS: bucket }).ask({ inputs: 'A dog.' }, '/score'),
  };
  for (const [status, response] of Object.entries(answers)) {
    expect(String(response.status)).toBe(status);
    const examples = document.paths['/score']?.['post']?.responses[status]?.content?.['application/json']?.examples;
    const values = Object.values(examples ?? {}).map(({ value }) => value);
    expect(values).toContainEqual(await response.json());
    expectHeaders(document.paths['/score']?.['post']?.responses[status], response);
  }
});

/** All that the document names, and no other of these. */
function expectHeaders(described: Described | undefined, { headers }: Response): void {
  const names = ['X-Request-Id', 'Retry-After', 'WWW-Authenticate', 'ETag', 'Cache-Status', 'Server-Timing'];
  const documented = Object.keys(described?.headers ?? {});
  expect(names.filter((name) => headers.has(name))).toEqual(names.filter((name) => documented.includes(name)));
  expect(documented.filter((name) => !names.includes(name))).toEqual([]);
}

describe('the headers of an answer are those in the document', () => {
  const question = { inputs: 'A [MASK] barked.' };
  const pair = { inputs: { text: 'It rained.', text_pair: 'She got wet.' } };
  const text = { inputs: 'A dog.' };

  it.each([
    ['get', '/', undefined],
    ['post', '/', question],
    ['post', '/fill-mask', question],
    ['post', '/fill-mask', text],
    ['get', '/fill-mask?inputs=A [MASK].', undefined],
    ['get', '/fill-mask', undefined],
    ['post', '/score', text],
    ['post', '/sentence-order', pair],
    ['post', '/next-sentence', pair],
    ['post', '/tokenize', text],
    ['get', '/models', undefined],
    ['get', '/info', undefined],
    ['get', '/health', undefined],
    ['get', '/ready', undefined],
    ['get', '/metrics', undefined],
  ] as const)('%s %s %j', async (method, path, body) => {
    await fillBucket();
    const app = freshApp();
    const response = await (body ? app.ask(body, path) : app.request(path));
    const described = document.paths[path.split('?')[0] ?? '']?.[method]?.responses[response.status];
    expect(described, `status ${response.status}`).toBeDefined();
    expectHeaders(described, response);
    const etag = response.headers.get('etag');
    if (etag === null || path === '/') return;
    const same = await app.request(path, { headers: { 'if-none-match': etag } });
    expect(same.status).toBe(304);
    expectHeaders(document.paths['/fill-mask']?.['get']?.responses[304], same);
  });

  it('also where a caller has to wait, or an owner to do something', async () => {
    const limiter = { limit: () => Promise.resolve({ success: false }) };
    const bucket = { get: () => Promise.resolve(null) } as unknown as R2Bucket;
    const limited = await freshApp({ RATE_LIMITS: 'on', RATE_LIMITER: limiter }).ask(question);
    const absent = await freshApp({ MODEL: 'albert-edge@0123456789abcdef', MODELS: bucket }).request('/ready');
    const log = vi.spyOn(console, 'error').mockReturnValue();
    const wrong = await freshApp({ CACHE: 'maybe' }).ask(question);
    log.mockRestore();
    const locked = await freshApp({ API_KEYS: 'a-key-of-20-characters' }).request('/metrics');
    expect([limited, absent, wrong, locked].map(({ status }) => status)).toEqual([429, 503, 500, 401]);
    const { responses: filling } = document.paths['/fill-mask']?.['post'] ?? { responses: {} };
    expectHeaders(filling[429], limited);
    for (const path of ['/ready', '/info', '/models', '/metrics']) {
      const API_KEYS = 'a-key-of-20-characters';
      const refused = await freshApp({ RATE_LIMITS: 'on', RATE_LIMITER: limiter, API_KEYS }).request(path);
      expect(refused.status, path).toBe(429);
      expectHeaders(document.paths[path]?.['get']?.responses[429], refused);
    }
    expectHeaders(filling[500], wrong);
    expectHeaders(document.paths['/ready']?.['get']?.responses[503], absent);
    expectHeaders(document.paths['/metrics']?.['get']?.responses[401], locked);
  });
});
