import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Observation } from '../../../src/http/observation.ts';
import { fillBucket, freshApp } from '../bucket.ts';

const MARKER = 'zyzzyva';
/** Different for each test, since the edge cache outlives a test. */
let question = { inputs: '' };
let asked = 0;
const BROKEN = { get: () => Promise.reject(new Error('the store is down')) } as unknown as R2Bucket;
const KEY = '0123456789abcdef-one';

const log = vi.spyOn(console, 'log').mockReturnValue();
const errors = vi.spyOn(console, 'error').mockReturnValue();
beforeEach(async () => {
  question = { inputs: `The ${MARKER} [MASK] ${++asked} times.` };
  await fillBucket();
});
afterEach(() => {
  log.mockClear();
  errors.mockClear();
});

const VERSION = { id: 'a1b2c3d4', tag: '', timestamp: '' };
const lines = () => log.mock.calls.map(([line]) => line as Observation);

const app = (changed: object = {}) => freshApp({ REQUEST_LOG: 'on', ...changed });
const idOf = async (given: string) =>
  (await app().request('/health', { headers: { 'x-request-id': given } })).headers.get('x-request-id');

describe('the log', () => {
  it('has a line for each request: what was asked, what it cost, which tier answered', async () => {
    const logged = app({ VERSION });
    const [first, second] = [await logged.ask(question), await logged.ask(question)];
    const common = { method: 'POST', route: '/fill-mask', status: 200, model: env.MODEL, version: VERSION.id };
    expect(lines()).toEqual([
      expect.objectContaining({ ...common, cache: 'computed', request_id: first.headers.get('x-request-id') }),
      {
        ...common,
        cache: 'isolate',
        request_id: second.headers.get('x-request-id'),
        tokens: 0,
        multiply_adds: 0,
        duration_ms: expect.any(Number),
        queue_ms: expect.any(Number),
      },
    ]);
    expect(lines()[0]?.tokens).toBeGreaterThan(5);
    expect(lines()[0]?.multiply_adds).toBeGreaterThan(1e6);
  });

  it('takes the id of a request from its client, and makes one where it has none or a strange one', async () => {
    expect(await idOf('abc-123')).toBe('abc-123');
    expect(await idOf('a b')).toMatch(/^[0-9a-f-]{36}$/);
    expect(await idOf('x'.repeat(256))).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('names a refusal, and the caller by the digest of a key', async () => {
    const response = await app({ API_KEYS: KEY }).ask({ inputs: 'no mask' }, '/fill-mask', {
      authorization: `Bearer ${KEY}`,
    });
    expect(response.status).toBe(422);
    expect(lines()).toEqual([
      expect.objectContaining({
        status: 422,
        error_type: 'no_mask',
        caller: expect.stringMatching(/^key:[0-9a-f]{16}$/),
      }),
    ]);
  });

  it('names a caller whose key has a name', async () => {
    await app({ API_KEY_ALICE: KEY }).ask({ inputs: 'no mask' }, '/fill-mask', { authorization: `Bearer ${KEY}` });
    expect(lines()).toEqual([expect.objectContaining({ caller: 'key:ALICE' })]);
  });

  it('never has a text, a query, an unknown path or a key', async () => {
    const logged = app({ API_KEYS: KEY });
    const headers = { authorization: `Bearer ${KEY}` };
    await logged.ask(question, '/fill-mask', headers);
    await logged.ask({ inputs: MARKER }, '/fill-mask', headers);
    await logged.ask({ inputs: [MARKER, 7] }, '/score', headers);
    await logged.ask(MARKER, '/tokenize', headers);
    await logged.request(`/fill-mask?inputs=${MARKER}+[MASK]`, { headers });
    await logged.request(`/${MARKER}`);
    await logged.request(`/fill-mask?${MARKER}=1`, {
      headers: { authorization: `Bearer ${MARKER}${MARKER}${MARKER}` },
    });
    const broken = app({ MODELS: BROKEN });
    question.inputs += ' Again.';
    await broken.ask(question);
    await app({ CACHE: 'perhaps' }).ask(question);
    expect(lines()).toHaveLength(9);
    expect(errors).toHaveBeenCalledTimes(2);
    const all = JSON.stringify([log.mock.calls, errors.mock.calls]);
    expect(all).not.toContain(MARKER);
    expect(all).not.toContain(KEY);
  });

  it('has the causes of a fault, under the id of its request', async () => {
    const response = await app({ MODELS: BROKEN }).ask(question);
    expect(response.status).toBe(502);
    expect(errors).toHaveBeenCalledWith(
      expect.objectContaining({
        request_id: response.headers.get('x-request-id'),
        error_type: 'model_unavailable',
        causes: expect.arrayContaining([expect.stringContaining('the store is down')]),
      }),
    );
  });

  it('has an event for a load, and for a read that was tried again', async () => {
    const info = vi.spyOn(console, 'info').mockReturnValue();
    let failures = 1;
    const MODELS = {
      get: (...args: Parameters<R2Bucket['get']>) =>
        failures-- > 0 ? Promise.reject(new Error('a moment')) : env.MODELS.get(...args),
    } as unknown as R2Bucket;
    expect((await app({ MODELS }).ask(question)).status).toBe(200);
    const events = info.mock.calls.map(([event]) => event as object);
    expect(events).toEqual([
      { event: 'read_retried', key: expect.stringContaining('models/'), problem: expect.stringContaining('could not') },
      { event: 'model_loaded', model: env.MODEL, load_ms: expect.any(Number) },
    ]);
    info.mockRestore();
  });

  it('is empty where REQUEST_LOG is off', async () => {
    await freshApp({ REQUEST_LOG: 'off' }).ask(question);
    expect(log).not.toHaveBeenCalled();
  });

  it('has every error, and of the other requests the share LOG_SHARE', async () => {
    const none = app({ LOG_SHARE: '0' });
    await none.ask(question);
    expect(log).not.toHaveBeenCalled();
    await none.ask({ inputs: 'no mask' });
    await app({ LOG_SHARE: '0', MODELS: BROKEN }).ask({ inputs: `Not ${question.inputs}` });
    expect(lines().map(({ status }) => status)).toEqual([422, 502]);
    expect(errors).toHaveBeenCalledTimes(1);

    log.mockClear();
    const drawn = vi
      .spyOn(Math, 'random')
      .mockReturnValueOnce(0.1)
      .mockReturnValueOnce(0.0999)
      .mockReturnValueOnce(0.9);
    const some = app({ LOG_SHARE: '0.1' });
    for (let i = 0; i < 3; i++) await some.request('/health', {});
    expect(lines()).toHaveLength(1);
    drawn.mockRestore();
  });
});

it('writes a data point for each request where the binding is there', async () => {
  const points: AnalyticsEngineDataPoint[] = [];
  await freshApp({
    VERSION,
    ANALYTICS: { writeDataPoint: (point?: AnalyticsEngineDataPoint) => void points.push(point ?? {}) },
  }).ask(question);
  expect(points).toEqual([
    {
      indexes: ['no key'],
      blobs: ['/fill-mask', '200', '', 'computed', env.MODEL, '', 'POST', VERSION.id],
      doubles: [expect.any(Number), expect.any(Number), expect.any(Number), expect.any(Number)],
    },
  ]);
});

/** A line of the metrics, before its value. */
const counter = (name: string, model: string, labels: string) =>
  `edge_fill_mask_${name}{model="${model}"${labels && `,${labels}`}} `;

describe('GET /metrics', () => {
  it('counts the requests of the isolate in the format of Prometheus', async () => {
    const other = 'other@0123456789abcdef';
    const counted = freshApp({ MORE_MODELS: other });
    await counted.ask(question);
    await counted.ask(question);
    await counted.ask(question, '/models/other/fill-mask');
    await counted.request('/nowhere');
    const response = await counted.request('/metrics');
    expect(response.headers.get('content-type')).toContain('version=0.0.4');
    const text = await response.text();
    expect(text).toContain(
      `${counter('requests_total', env.MODEL, 'method="POST",route="/fill-mask",status="200"')}2\n`,
    );
    expect(text).toContain(`${counter('requests_total', env.MODEL, 'method="GET",route="/*",status="404"')}1\n`);
    // Its objects are missing from the bucket.
    expect(text).toContain(
      `${counter('requests_total', other, 'method="POST",route="/models/:model/fill-mask",status="502"')}1\n`,
    );
    for (const tier of ['computed', 'isolate']) {
      expect(text).toContain(`${counter('answers_total', env.MODEL, `tier="${tier}"`)}1\n`);
    }
    expect(text).toMatch(new RegExp(`^${counter('tokens_total', env.MODEL, '')}[1-9]`, 'm'));
    expect(text).toContain(`${counter('tokens_total', other, '')}0\n`);
    expect(text).toContain('edge_fill_mask_request_duration_seconds_count 4\n');
    for (const line of text.trimEnd().split('\n')) {
      expect(line).toMatch(/^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [\d.e+-]+)$/);
    }
  });

  it('needs a key where the deployment has keys', async () => {
    expect((await freshApp({ API_KEYS: KEY }).request('/metrics')).status).toBe(401);
  });
});
