/** Fuzzes the routes with a backend that a test makes up: bodies, queries and headers. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { createApp } from '../../src/app.ts';
import { createOpenApiDocument } from '../../src/http/openapi.ts';
import type { Worker } from '../../src/http/worker.ts';
import { validatorOf } from '../openapi-validator.ts';
import { mockByteReads } from '../src/http/byte-reads.ts';
import { kindOf, logitsOf, smallModel } from '../src/model/small-model.ts';
import { FUZZ_TIMEOUT, fuzzAsync } from './fuzz.ts';
import { type Asked, posts, queries, questions, type Sent, visits } from './requests.ts';

const KEY = '0123456789abcdef-of-an-honest-caller';
const { name, store } = await smallModel();
const errors = vi.spyOn(console, 'error').mockReturnValue();
vi.spyOn(console, 'info').mockReturnValue();
mockByteReads();
/** Node has none of workerd's. */
class Rewriter {
  on = () => this;
  transform = (page: Response) => page;
}
// No entry stays, so that each request is read.
const edge = { match: () => Promise.resolve(undefined), put: () => Promise.resolve() };
beforeAll(() => {
  vi.stubGlobal('caches', { default: edge });
  vi.stubGlobal('HTMLRewriter', Rewriter);
});
afterAll(() => void vi.unstubAllGlobals());

const document = createOpenApiDocument() as {
  components: { schemas: object };
  paths: Record<string, Record<string, { responses: Record<string, unknown> }> | undefined>;
};
const isError = validatorOf(document, '#/components/schemas/Error');

const app = createApp(kindOf(() => ({ run: async (batch) => logitsOf(batch) })));
const ASSETS = { fetch: () => Promise.resolve(new Response('a page', { headers: { 'content-type': 'text/html' } })) };
const bindings = { ASSETS, MODEL: name, MODELS: store, CACHE: 'on', CACHE_STATUS: 'all', ALLOWED_ORIGINS: '*' };
const context = { waitUntil: () => undefined } as unknown as ExecutionContext;
const open = bindings as unknown as Worker['Bindings'];
const closed = { ...bindings, API_KEYS: KEY } as unknown as Worker['Bindings'];

/** @returns undefined where no client of HTTP could send it */
function requestOf({ path, method, headers, chunks }: Sent): Request | undefined {
  const hasBody = method !== 'GET' && method !== 'HEAD' && method !== 'get';
  try {
    const body = new ReadableStream({
      type: 'bytes',
      start(controller) {
        for (const chunk of chunks) if (chunk.length > 0) controller.enqueue(chunk.slice());
        controller.close();
      },
    });
    const url = new URL(`https://example.com${path}`);
    return new Request(url, {
      method,
      headers: headers.map(([one, value]) => [one, value]),
      ...(hasBody && { body, duplex: 'half' }),
    });
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** What any answer has. @throws saying what it lacks */
async function check(response: Response, { method, path }: Pick<Sent, 'method' | 'path'>): Promise<string> {
  const { status, headers } = response;
  const body = await response.text();
  const logged = errors.mock.calls.map(([line]) => JSON.stringify(line));
  errors.mockClear();
  if (status >= 500 || logged.length > 0) throw new Error(`${status}: ${body} ${logged.join()}`);
  const all = JSON.stringify([...headers]);
  if (all.includes(KEY) || body.includes(KEY)) throw new Error(`the answer has the key: ${all} ${body}`);
  const wrong = [...headers].find(([, value]) => !/^[\t\x20-\x7e]*$/.test(value));
  if (wrong) throw new Error(`the header ${wrong.join(': ')} is no ASCII`);
  if (!headers.get('x-request-id')) throw new Error('the answer has no id');
  if (method === 'OPTIONS') return body;
  if (headers.get('x-content-type-options') !== 'nosniff') throw new Error('browsers may guess the type');
  if (!headers.get('cache-control')) throw new Error('nothing says how long the answer may be kept');
  if (method === 'HEAD' || status === 304) {
    if (body !== '') throw new Error(`${status} to ${method} has a body`);
    return body;
  }
  if (status >= 400) {
    if (!headers.get('content-type')?.startsWith('application/json')) throw new Error(`the error is no JSON: ${body}`);
    if (!isError(JSON.parse(body))) throw new Error(`the error is not as documented: ${body}`);
    if ((status === 429) !== headers.has('retry-after')) throw new Error('Retry-After');
  }
  const route = path.replace(/^\/models\/[^/]+(?=\/\w)/, '').replace(/[?#].*$/, '');
  const documented = document.paths[route]?.[method.toLowerCase()];
  if (documented && !(status in documented.responses)) throw new Error(`${status} of ${route} is not documented`);
  return body;
}

async function send(sent: Sent, env: Worker['Bindings']): Promise<void> {
  const request = requestOf(sent);
  if (request) await check(await app.fetch(request, env, context), sent);
}

const typeOf = (one: string) => (JSON.parse(one) as { error_type?: string }).error_type;

/** The same as a query. */
function queryOf({ inputs, parameters }: Asked): string {
  const query = new URLSearchParams();
  for (const one of [inputs].flat()) query.append('inputs', one.toWellFormed());
  for (const [parameter, value] of Object.entries(parameters)) {
    for (const one of [value].flat()) query.append(parameter, String(one).toWellFormed());
  }
  return query.toString();
}

describe('a fuzzer finds no answer that is a fault, or is not as documented', () => {
  it('to a body', FUZZ_TIMEOUT, async () => {
    expect(await fuzzAsync(posts, (sent) => send(sent, open))).toBeGreaterThan(0);
  });

  it('to a query', FUZZ_TIMEOUT, async () => {
    expect(await fuzzAsync(queries, (sent) => send(sent, open))).toBeGreaterThan(0);
  });

  it('to any headers, where callers need a key', FUZZ_TIMEOUT, async () => {
    const runs = await fuzzAsync(visits, async (sent) => {
      await send(sent, closed);
      const headers = [...sent.headers.filter(([one]) => one !== 'authorization'), ['authorization', `Bearer ${KEY}`]];
      await send({ ...sent, headers: headers as Sent['headers'] }, closed);
    });
    expect(runs).toBeGreaterThan(0);
  });

  it('and a query is answered as the same body is', FUZZ_TIMEOUT, async () => {
    const path = '/fill-mask';
    const runs = await fuzzAsync(questions, async (asked) => {
      const wellFormed = JSON.parse(JSON.stringify(asked), (_, one: unknown) =>
        typeof one === 'string' ? one.toWellFormed() : one,
      ) as Asked;
      const body = new TextEncoder().encode(JSON.stringify(wellFormed));
      const headers = [['content-type', 'application/json']] as const;
      const post = requestOf({ path, method: 'POST', headers, chunks: [body] });
      const get = requestOf({ path: `${path}?${queryOf(asked)}`, method: 'GET', headers: [], chunks: [] });
      if (!post || !get) throw new Error('there is no request');
      const [posted, got] = [await app.fetch(post, open, context), await app.fetch(get, open, context)];
      const [ofPost, ofGet] = [
        await check(posted, { path, method: 'POST' }),
        await check(got, { path, method: 'GET' }),
      ];
      const isSame = posted.ok ? ofPost === ofGet : posted.status === got.status && typeOf(ofPost) === typeOf(ofGet);
      if (!isSame) throw new Error(`POST: ${posted.status} ${ofPost}\nGET: ${got.status} ${ofGet}`);
    });
    expect(runs).toBeGreaterThan(0);
  });
});
