/** Requests to the API of an account, answered by a function or a small server: repetitions, refusals, and what must not leave. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { type Access, ApiError, callApi, find, findAccount, findResult } from '../../../models/account/api.ts';
import { accountBucket, openAccountBucket } from '../../../models/account/bucket.ts';
import { queriesOf, stepOf } from '../../../models/account/metrics.ts';
import { findDeployments, listVersions, mainVersion, readSubdomain } from '../../../models/account/versions.ts';
import { type Target, workersDevSubdomain } from '../../../models/account/worker.ts';

const READ = { permission: 'Things: Read' };
const refusal = (status: number, code = 0, message = '') =>
  Response.json({ errors: code || message ? [{ code, message }] : [] }, { status });

const urlOf = (input: RequestInfo | URL): string => (input instanceof Request ? input.url : input.toString());

/** Answers one after the other, the last one for ever; each request is noted. */
function answering(...answers: (() => Response)[]) {
  const asked: { url: string; init: RequestInit }[] = [];
  const access: Access = {
    token: 'secret',
    pausesMs: [1, 1],
    fetch: async (input, init) => {
      asked.push({ url: urlOf(input), init: init ?? {} });
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      return answer?.() ?? Response.error();
    },
  };
  return { asked, access };
}
/** Answers by the end of the path; 404 to the others. */
function target(answers: Record<string, () => Response>): { target: Target; asked: string[] } {
  const asked: string[] = [];
  const fetched: typeof fetch = async (input, init) => {
    const path = new URL(urlOf(input)).pathname.replace(/^\/client\/v4\/accounts\/1/, '');
    asked.push(`${init?.method} ${path}`);
    return answers[`${init?.method} ${path}`]?.() ?? refusal(404, 10_007);
  };
  return {
    asked,
    target: {
      account: '1',
      name: 'worker',
      bucket: 'models',
      jurisdiction: undefined,
      model: 'base@1',
      moreModels: [],
      learnsPlan: false,
      env: undefined,
      dataset: undefined,
      routes: [],
      basePath: '',
      rateLimits: undefined,
      token: 'secret',
      pausesMs: [],
      fetch: fetched,
      wrangler: () => Promise.reject(new Error('it is not used')),
    },
  };
}
const result = (value: unknown) => () => Response.json({ result: value });

const md5 = (text: string) => createHash('md5').update(text).digest('hex');
const deployment = (...shares: number[]) => ({
  id: 'd',
  versions: shares.map((percentage, i) => ({ version_id: `v${i}`, percentage })),
});
beforeEach(() => {
  vi.stubEnv('CLOUDFLARE_API_BASE_URL', '');
  vi.stubEnv('CLOUDFLARE_ACCOUNT_ID', '');
});
afterEach(() => void vi.unstubAllEnvs());

describe('a request to the API', () => {
  it('has the token, its own headers and its body, and follows no redirect', async () => {
    const { asked, access } = answering(() => Response.json({}));
    await callApi(access, '/a', { ...READ, method: 'PUT', body: '', headers: { 'content-type': 'text/plain' } });
    expect(asked).toMatchObject([
      {
        url: 'https://api.cloudflare.com/client/v4/a',
        init: {
          method: 'PUT',
          body: '',
          headers: { authorization: 'Bearer secret', 'content-type': 'text/plain' },
          redirect: 'error',
        },
      },
    ]);
    await callApi(access, '/b', READ);
    expect(asked[1]?.init).toMatchObject({ method: 'GET', headers: { authorization: 'Bearer secret' } });
    expect(asked[1]?.init).not.toHaveProperty('body');
  });

  it('that is redirected to another origin fails, and nothing is sent there', async () => {
    const seen: (string | undefined)[] = [];
    const other = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.end('{}');
    }).listen(0, '127.0.0.1');
    await new Promise((listening) => other.once('listening', listening));
    const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`;
    const api = createServer((_, response) => void response.writeHead(302, { location }).end()).listen(0, '127.0.0.1');
    await new Promise((listening) => api.once('listening', listening));
    vi.stubEnv('CLOUDFLARE_API_BASE_URL', `http://127.0.0.1:${(api.address() as AddressInfo).port}`);
    const asked = callApi({ token: 'secret', fetch, pausesMs: [] }, '/accounts', READ);
    await expect(asked).rejects.toThrow(/127\.0\.0\.1:\d+ cannot be reached \(/);
    expect(seen).toEqual([]);
    for (const server of [api, other]) server.close();
  });

  it.each([
    ['429', () => refusal(429)],
    ['500', () => refusal(500)],
    [
      'no connection',
      () => {
        throw new TypeError('fetch failed');
      },
    ],
  ])('is repeated after %s, once for each pause', async (_, busy) => {
    const once = answering(busy, busy, () => new Response('there'));
    expect(await (await callApi(once.access, '/', READ)).text()).toBe('there');
    expect(once.asked).toHaveLength(3);
    const always = answering(busy);
    await expect(callApi(always.access, '/', READ)).rejects.toThrow();
    expect(always.asked).toHaveLength(3);
  });

  it.each([
    ['7', 7000],
    ['0', 0],
    [new Date(0).toUTCString(), 1],
    ['soon', 1],
    ['99999999', 1],
  ])('waits as long as the API asks for, and as usual where that is no time to wait: %s', async (given, ms) => {
    const busy = () => new Response(null, { status: 429, headers: { 'retry-after': given } });
    const { access } = answering(busy, () => Response.json({}));
    const slept: number[] = [];
    await callApi({ ...access, sleep: async (time) => void slept.push(time) }, '/a', READ);
    expect(slept).toEqual([ms]);
  });

  it('waits before it is repeated, and lets go of the answer', async () => {
    const busy = refusal(503, 1, 'busy');
    const { access } = answering(
      () => busy,
      () => new Response(),
    );
    const began = performance.now();
    await callApi({ ...access, pausesMs: [30] }, '/', READ);
    expect(performance.now() - began).toBeGreaterThanOrEqual(28);
    // Its body was cancelled, not left to be collected.
    expect(busy.bodyUsed).toBe(true);
  });

  it.each([
    [400, refusal(400, 7003, 'no route'), 'the API refused GET /x (400, code 7003: no route)', 7003],
    [499, new Response('', { status: 499 }), 'the API refused GET /x (499)', 0],
    [400, new Response('x'.repeat(301), { status: 400 }), `the API refused GET /x (400: ${'x'.repeat(300)})`, 0],
    [401, refusal(401), 'the account does not accept the token: run `npx wrangler login`', 0],
    [403, refusal(403, 10_000, 'no'), 'the token lacks the permission "Things: Read": add it in the dashboard', 10_000],
    [403, refusal(403, 10_042, 'no'), 'R2 is not enabled in this account: open R2 in the dashboard', 10_042],
  ])('that is refused with %i is not repeated, and the error says what to do', async (status, answer, said, code) => {
    const { asked, access } = answering(() => answer);
    const error = await callApi(access, '/x', READ).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status, code, message: expect.stringContaining(said) });
    expect((error as Error).message).not.toContain('secret');
    expect(asked).toHaveLength(1);
  });

  it('that finds nothing has no result, and every other error is thrown', async () => {
    expect(await findResult(answering(() => refusal(404)).access, '/', READ)).toBeUndefined();
    expect(await findResult(answering(result({ a: 1 })).access, '/', READ)).toEqual({ a: 1 });
    await expect(findResult(answering(() => refusal(403)).access, '/', READ)).rejects.toThrow('lacks the permission');
    await expect(find(Promise.reject(new Error('no answer')))).rejects.toThrow('no answer');
  });

  it.each([
    [Object.assign(new TypeError('fetch failed'), { cause: { code: 'ENOTFOUND' } }), '(ENOTFOUND)'],
    [Object.assign(new TypeError('fetch failed'), { cause: { message: 'other side closed' } }), '(other side closed)'],
    [new TypeError('fetch failed'), '(fetch failed)'],
  ])('that reaches nobody says why: %s %s', async (thrown, said) => {
    const { access } = answering(() => {
      throw thrown;
    });
    await expect(callApi(access, '/', READ)).rejects.toThrow(`api.cloudflare.com cannot be reached ${said}`);
  });
});

describe('the account', () => {
  it('is the one that is named, or the only one of the token', async () => {
    const { asked, access } = answering(result([{ id: '1', name: 'One' }]));
    expect(await findAccount(access)).toBe('1');
    vi.stubEnv('CLOUDFLARE_ACCOUNT_ID', '2');
    expect(await findAccount(access)).toBe('2');
    expect(asked).toHaveLength(1);
  });

  it('must be named where the token is of several, or shows none', async () => {
    const two = [
      { id: '1', name: 'One' },
      { id: '2', name: 'Two' },
    ];
    await expect(findAccount(answering(result(two)).access)).rejects.toThrow(
      'Set CLOUDFLARE_ACCOUNT_ID: the token is of several accounts\n  1  One\n  2  Two',
    );
    await expect(findAccount(answering(result([])).access)).rejects.toThrow('the token does not show its account');
  });
});

describe('the bucket of an account', () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
    file = join(folder, 'file');
    await writeFile(file, 'content');
  });
  afterEach(async () => rm(folder, { recursive: true }));
  const OBJECT = '/r2/buckets/models/objects/key';

  it.each<[string, string, Record<string, string>, boolean]>([
    ['the etag', 'content', { etag: `"${md5('content')}"` }, true],
    ['a weak etag', 'content', { etag: `W/"${md5('content')}"` }, true],
    ['the etag of other content', 'content', { etag: `"${md5('other')}"` }, false],
    ['the etag, but another length', 'content', { etag: `"${md5('content')}"`, 'content-length': '8' }, false],
    ['the etag and the length', 'content', { etag: `"${md5('content')}"`, 'content-length': '7' }, true],
    ['the etag of several parts, and the same content', 'content', { etag: `"${md5('content')}-2"` }, true],
    ['no etag, and the same content', 'content', {}, true],
    ['no etag, and other content', 'contenu', {}, false],
  ])('has a file by %s', async (_, content, headers, expected) => {
    const found = target({ [`GET ${OBJECT}`]: () => new Response(content, { headers }) });
    expect(await accountBucket(found.target).holds('key', file)).toBe(expected);
  });

  it('lacks what it does not find, and takes what is put', async () => {
    const { target: empty, asked } = target({ [`PUT ${OBJECT}`]: result({}) });
    const bucket = accountBucket(empty);
    expect(await bucket.holds('key', file)).toBe(false);
    expect(await bucket.read('key')).toBeUndefined();
    await bucket.put('key', new Blob(['content']));
    expect(asked).toEqual([`GET ${OBJECT}`, `GET ${OBJECT}`, `PUT ${OBJECT}`]);
    const full = target({ [`GET ${OBJECT}`]: () => new Response('content') });
    expect(new TextDecoder().decode((await accountBucket(full.target).read('key')) as Uint8Array)).toBe('content');
  });

  it('is made where it is missing, unless its name is taken', async () => {
    const there = target({ 'GET /r2/buckets/models': result({ name: 'models' }) });
    await openAccountBucket(there.target);
    expect(there.asked).toEqual(['GET /r2/buckets/models']);
    const missing = target({ 'POST /r2/buckets': result({ name: 'models' }) });
    await openAccountBucket(missing.target);
    expect(missing.asked).toEqual(['GET /r2/buckets/models', 'POST /r2/buckets']);
    const taken = target({ 'POST /r2/buckets': () => refusal(409, 10_004) });
    await expect(openAccountBucket(taken.target)).rejects.toThrow('a bucket models exists already and cannot be used');
    const refused = target({ 'POST /r2/buckets': () => refusal(400, 10_005) });
    await expect(openAccountBucket(refused.target)).rejects.toThrow('the API refused POST /accounts/1/r2/buckets');
  });
});

describe('the worker of an account', () => {
  it('has no deployments where there is no worker, and may have none where there is one', async () => {
    expect(await findDeployments(target({}).target)).toBeUndefined();
    const path = 'GET /workers/scripts/worker/deployments';
    expect(await findDeployments(target({ [path]: result({ deployments: [] }) }).target)).toEqual([]);
    const [live] = (await findDeployments(
      target({ [path]: result({ deployments: [deployment(40, 60)] }) }).target,
    )) ?? [undefined];
    expect(mainVersion(live)).toBe('v1');
    expect(mainVersion(deployment(60, 40))).toBe('v0');
    expect(mainVersion(undefined)).toBeUndefined();
  });

  it('lists its versions, the newest first', async () => {
    const items = [9, 10, 1].map((number) => ({ id: `v${number}`, number, metadata: { created_on: '2026-01-01' } }));
    const found = await listVersions(target({ 'GET /workers/scripts/worker/versions': result({ items }) }).target);
    expect(found.map(({ id }) => id)).toEqual(['v10', 'v9', 'v1']);
  });

  it('is on workers.dev, or is not, and is not where the account knows no worker', async () => {
    const there = { enabled: true, previews_enabled: false };
    const path = 'GET /workers/scripts/worker/subdomain';
    expect(await readSubdomain(target({ [path]: result(there) }).target)).toEqual(there);
    expect(await readSubdomain(target({}).target)).toEqual({ enabled: false, previews_enabled: false });
  });

  it('needs a subdomain of the account', async () => {
    const none = 'The account has no workers.dev subdomain';
    await expect(workersDevSubdomain(target({}).target)).rejects.toThrow(none);
    await expect(workersDevSubdomain(target({ 'GET /workers/subdomain': result({}) }).target)).rejects.toThrow(none);
  });
});

describe('the queries of the metrics', () => {
  it('group requests over time by whole hours, in at most 24 rows', () => {
    expect([1, 24, 25, 48, 49].map(stepOf)).toEqual([3600, 3600, 7200, 7200, 10_800]);
    const { times, caches, callers } = queriesOf('points', 48);
    expect(times).toMatch(/^SELECT intDiv\(toUInt32\(timestamp\), 7200\) \* 7200 AS start, .* FROM points /);
    expect(times).toMatch(/INTERVAL '48' HOUR GROUP BY start ORDER BY start LIMIT 30$/);
    expect(caches).toMatch(/ AND blob\d+ != '' GROUP BY cache ORDER BY requests DESC /);
    expect(callers).toMatch(/SUM\(_sample_interval \* double\d+\) AS tokens/);
  });
});
