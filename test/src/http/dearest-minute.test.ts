/**
 * What one address can make an owner pay in a minute, within the limits of wrangler.toml: requests to the real routes, with a limiter
 * that counts and a backend that a test makes up. Nothing is timed: what a request takes is what WORK_OF says.
 */
import { beforeAll, beforeEach, afterAll, expect, it, vi } from 'vitest';

import { monthAs, PRICES, worstMonth } from '../../../models/account/cost.ts';
import { createApp } from '../../../src/app.ts';
import { Budget } from '../../../src/http/budget.ts';
import type { Worker } from '../../../src/http/worker.ts';
import { WORK_OF } from '../../../src/limits.ts';
import { memory } from '../cache/memory.ts';
import { kindOf, logitsOf, smallModel } from '../model/small-model.ts';
import { mockByteReads } from './byte-reads.ts';

/** As wrangler.toml has them. */
const LIMITS = { requests: 600, units: 60 };
const MONTH_MINUTES = 31 * 24 * 60;

// Runs cost as much as those of BERT-base.
const { name: MODEL, store } = await smallModel('small', 512, {
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
});
mockByteReads();
for (const method of ['log', 'error', 'info'] as const) vi.spyOn(console, method).mockReturnValue();
const debit = vi.spyOn(Budget.prototype, 'debit');
beforeAll(() => void vi.stubGlobal('caches', { default: memory().cache }));
beforeEach(() => void debit.mockClear());
afterAll(() => void vi.unstubAllGlobals());

/** Allows so many of each key. */
function limiterOf(limit: number) {
  const asked = new Map<string, number>();
  return {
    limit: async ({ key }: { readonly key: string }) => {
      const count = (asked.get(key) ?? 0) + 1;
      asked.set(key, count);
      await Promise.resolve();
      return { success: count <= limit };
    },
  };
}

interface Shape {
  readonly path?: string;
  readonly method?: 'GET' | 'POST';
  readonly body?: (n: number) => string | Uint8Array<ArrayBuffer>;
  readonly headers?: Record<string, string>;
  /** Of a request that is let in; 200 if not given. */
  readonly status?: number;
}

/** @returns dollars of a month of minutes in which one address sends as many requests as are counted */
async function monthOf({ path = '/fill-mask', method = 'POST', body, headers = {} }: Shape, atOnce: boolean) {
  let reads = 0;
  const app = createApp(kindOf(() => ({ run: async (batch) => logitsOf(batch) })));
  const env = {
    MODEL,
    MODELS: { get: (key: string) => (reads++, store.get(key)) },
    CACHE: 'on',
    ALLOWED_ORIGINS: '*',
    BASE_PATH: '',
    RATE_LIMITS: 'on',
    RATE_LIMITER: limiterOf(LIMITS.requests),
    EXPENSIVE_RATE_LIMITER: limiterOf(LIMITS.units),
  } as unknown as Worker['Bindings'];
  const context = { waitUntil: () => undefined } as unknown as ExecutionContext;
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const statuses = new Set<number>();
  async function send(n: number): Promise<void> {
    const sent = body?.(n);
    const bytes = typeof sent === 'string' ? new TextEncoder().encode(sent) : sent;
    // All are let in before the first one has sent its body.
    const stalled = new ReadableStream({
      async start(controller) {
        await gate;
        if (bytes) controller.enqueue(bytes);
        controller.close();
      },
    });
    const init = {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(bytes && { body: atOnce ? stalled : bytes, duplex: 'half' }),
    };
    const response = await app.request(new URL(path, 'https://example.com').href, init, env, context);
    await response.arrayBuffer();
    statuses.add(response.status);
  }
  if (atOnce) {
    const all = Array.from({ length: LIMITS.requests }, (_, n) => send(n));
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve));
    open();
    await Promise.all(all);
  } else for (let n = 0; n < LIMITS.requests; n++) await send(n);
  const charged = debit.mock.calls.reduce((sum, [, work]) => sum + work, 0);
  // The price of a read is charged as CPU time.
  const { total } = monthAs({
    requests: LIMITS.requests,
    multiply_adds: charged - reads * WORK_OF.read,
    hours: 1 / 60,
  });
  return { total: total + MONTH_MINUTES * reads * PRICES.read, statuses };
}

const ask = (inputs: string | readonly string[], parameters: object = {}) => JSON.stringify({ inputs, parameters });
const CONTROL = '\u0001';
const FRESH = { 'cache-control': 'no-store' };
const list = (length: number, text: (i: number) => string) => Array.from({ length }, (_, i) => text(i));

let dearest = 0;

/** The shapes of texts, bodies and answers that once cost more than they paid. */
const SHAPES: Readonly<Record<string, Shape>> = {
  'runs of the longest text': { body: (n) => ask(`${n} ${'i '.repeat(500)}[MASK]`), headers: FRESH },
  'runs of one word': { body: (n) => ask(`${n} [MASK]`), headers: FRESH },
  'joint searches': {
    body: (n) => ask(`${n} [MASK] [MASK] [MASK] [MASK]`, { strategy: 'joint', num_beams: 20 }),
    headers: FRESH,
  },
  'the longest texts, truncated': {
    body: (n) =>
      ask(
        list(5, (i) => `${n} ${i} ${'a'.repeat(32_000)} [MASK]`),
        { truncation: true },
      ),
    headers: FRESH,
  },
  'small bodies of long texts and long runs': {
    body: (n) => ask(`${n} ${'a'.repeat(14_500)} ${'i '.repeat(500)}[MASK]`, { truncation: true }),
    headers: FRESH,
  },
  'tokens of the longest texts': {
    path: '/tokenize',
    body: () => JSON.stringify({ inputs: list(32, () => 'a'.repeat(4_000)) }),
  },
  'large answers from the cache': { body: () => ask(list(6, (i) => `${i} ${CONTROL.repeat(3_900)} [MASK]`)) },
  'answers to GET': { path: `/fill-mask?inputs=${'.'.repeat(2_000)}+[MASK]&top_k=20&truncation=true`, method: 'GET' },
  'bodies that are no JSON': { status: 400, body: () => 'x'.repeat(500_000) },
  'bodies that are too large': { status: 413, body: () => ' '.repeat(600_000) },
  '/ready': { path: '/ready', method: 'GET' },
  '/models': { path: '/models', method: 'GET' },
  'paths that do not exist': { status: 404, path: '/nothing', method: 'GET' },
};

it.each(Object.entries(SHAPES).flatMap(([name, asked]) => [false, true].map((atOnce) => ({ name, asked, atOnce }))))(
  '$name, at once: $atOnce, cost at most 1.2 times what deploy prints',
  async ({ asked, atOnce }) => {
    const { total, statuses } = await monthOf(asked, atOnce);
    // The bytes of large bodies that arrive at once are bounded too: then all may be refused.
    expect(statuses).toContain(atOnce && statuses.has(429) ? 429 : (asked.status ?? 200));
    expect(total).toBeLessThanOrEqual(1.2 * worstMonth(LIMITS));
    dearest = Math.max(dearest, total);
  },
);
it('the dearest of them is near it: what is printed is a bound that can be reached', () => {
  expect(dearest).toBeGreaterThan(0.9 * worstMonth(LIMITS));
});
