/** The tiers of the caches with a store in memory in the place of the edge cache: what is kept, for how long, and what is counted. */
import { createHash, createHmac } from 'node:crypto';

import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { answerJson, createCaches, type ExactAnswer, getAnswer, putEncoding } from '../../../src/cache/caches.ts';
import { digestOf } from '../../../src/cache/digest.ts';
import { EdgeCache, type TextCache } from '../../../src/cache/edge-cache.ts';
import { LruMap } from '../../../src/cache/lru-map.ts';
import { EdgeTier, sizeOf, TieredCache } from '../../../src/cache/tiered-cache.ts';
import { memory, policyWith } from './memory.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 }));
afterEach(() => void vi.useRealTimers());

const numbers = v.array(v.number());
const MAX = { entries: 10, bytes: 10_000 };
const tiered = (version = 1) => new TieredCache(version, numbers, MAX);

describe('a cache of both tiers', () => {
  it('answers from the isolate, and in another isolate from the edge, with the age', async () => {
    const { cache, stored } = memory();
    const { policy, later } = policyWith(cache);
    const [here, there] = [tiered(), tiered()];
    const counts = { isolate: 0, edge: 0 };
    expect(await here.get('a', policy)).toBeUndefined();
    here.put('a', [1, 2], policy, counts);
    here.put('b', [3], policy, counts);
    await Promise.all(later);
    expect(counts).toEqual({ isolate: 0, edge: 2 });
    expect([...stored.keys()]).toEqual(['https://example.com/.edge-cache/a', 'https://example.com/.edge-cache/b']);
    expect(stored.get('https://example.com/.edge-cache/a')?.headers.get('cache-control')).toBe('max-age=60');
    vi.setSystemTime(1_000_000 + 7_900);
    expect(await here.get('a', policy)).toEqual({ value: [1, 2], tier: 'isolate', age_s: 7 });
    expect(await there.get('a', policy)).toEqual({ value: [1, 2], tier: 'edge', age_s: 7 });
    // What came from the edge is kept, with the age that it has.
    expect(there.isolate.usage).toEqual({ entries: 1, bytes: sizeOf('[1,2]') + 2 * 'a'.length + 200 });
    expect(await there.get('a', policy)).toEqual({ value: [1, 2], tier: 'isolate', age_s: 7 });
    expect(await there.get('b', policy)).toEqual({ value: [3], tier: 'edge', age_s: 7 });
  });

  it('names an entry at the edge by the HMAC of its key, where there is a secret', async () => {
    const { cache, stored } = memory();
    const secret = '0123456789abcdef';
    const edge = new EdgeCache(cache, 'https://example.com/masks', 45, secret);
    const { policy, later } = policyWith(cache, { edge });
    tiered().put('a', [1], policy);
    await Promise.all(later);
    const name = createHmac('sha256', secret).update('a').digest('hex');
    expect([...stored.keys()]).toEqual([`https://example.com/masks/.edge-cache/${name}`]);
    expect(await tiered().get('a', policy)).toMatchObject({ value: [1], tier: 'edge' });
    const other = new EdgeCache(cache, 'https://example.com/masks', 45, secret.toUpperCase());
    expect(await tiered().get('a', policyWith(cache, { edge: other }).policy)).toBeUndefined();
  });

  it.each([
    [59_999, true],
    [60_000, false],
  ])('answers after %i ms of 60 s: %s', async (elapsed, answers) => {
    const { cache } = memory();
    const { policy, later } = policyWith(cache);
    const [here, there] = [tiered(), tiered()];
    here.put('a', [1], policy);
    await Promise.all(later);
    vi.setSystemTime(1_000_000 + elapsed);
    expect((await here.get('a', policy)) !== undefined).toBe(answers);
    expect((await there.get('a', policy)) !== undefined).toBe(answers);
  });

  it('gives an age of 0 to what a clock ahead of this one has stored', async () => {
    const { cache } = memory();
    const { policy, later } = policyWith(cache);
    tiered().put('a', [1], policy);
    await Promise.all(later);
    vi.setSystemTime(990_000);
    expect(await tiered().get('a', policy)).toEqual({ value: [1], tier: 'edge', age_s: 0 });
  });

  it('reads and writes only as the request may', async () => {
    const { cache, stored } = memory();
    const both = policyWith(cache).policy;
    const [unread, unwritten, local] = [
      policyWith(cache, { read: false }),
      policyWith(cache, { write: false }),
      policyWith(undefined),
    ];
    const here = tiered();
    here.put('a', [1], unwritten.policy);
    expect([here.isolate.has('a'), stored.size, unwritten.later.length]).toEqual([false, 0, 0]);
    here.put('a', [1], local.policy);
    expect([here.isolate.has('a'), stored.size, local.later.length]).toEqual([true, 0, 0]);
    expect(await tiered().get('a', local.policy)).toBeUndefined();
    here.put('b', [2], unread.policy);
    await Promise.all(unread.later);
    expect([here.isolate.has('b'), stored.size]).toEqual([true, 1]);
    expect(await here.get('b', unread.policy)).toBeUndefined();
    expect(await tiered().get('b', unread.policy)).toBeUndefined();
    // What is read from the edge may not be kept by a request that may not write.
    const there = tiered();
    expect(await there.get('b', unwritten.policy)).toMatchObject({ tier: 'edge' });
    expect(there.isolate.has('b')).toBe(false);
    expect(await there.get('b', both)).toMatchObject({ tier: 'edge' });
    expect(there.isolate.has('b')).toBe(true);
  });

  it.each<[string, (text: string) => string]>([
    ['of another version', (text) => text.replace('"version":1', '"version":2')],
    ['of another key', (text) => text.replace('"key":"a"', '"key":"b"')],
    ['of another type', (text) => text.replace('[1]', '["1"]')],
    ['cut off', (text) => text.slice(0, -1)],
  ])('takes an entry that is %s for a miss', async (_, damage) => {
    const { cache, stored } = memory();
    const { policy, later } = policyWith(cache);
    tiered().put('a', [1], policy);
    await Promise.all(later);
    expect(await tiered().get('a', policy)).toMatchObject({ value: [1] });
    for (const entry of stored.values()) entry.text = damage(entry.text);
    expect(await tiered().get('a', policy)).toBeUndefined();
  });

  it('counts a write at the edge that failed no more, and none that was not begun', async () => {
    const full: TextCache = { match: () => Promise.resolve(undefined), put: () => Promise.reject(new Error('full')) };
    const { policy, later } = policyWith(full);
    const counts = { isolate: 0, edge: 0 };
    const here = tiered();
    here.put('a', [1], policy, counts);
    here.put('b', [1], policy);
    expect([counts.edge, later.length]).toEqual([1, 2]);
    await Promise.all(later);
    expect(counts).toEqual({ isolate: 0, edge: 0 });
    const spent = policyWith(full, { edge: new EdgeCache(full, 'https://example.com', 0) });
    here.put('a', [1], spent.policy, counts);
    expect([counts.edge, spent.later.length]).toEqual([0, 0]);
  });
});

describe('an answer to an exact text', () => {
  const made: ExactAnswer = {
    encoding: {
      input_ids: Int32Array.of(2, 4, 3),
      token_type_ids: Int32Array.of(0, 1, 0),
      masked_positions: Int32Array.of(1),
      truncated: { tokens_before: 9, tokens_after: 3 },
    },
    mask: '[MASK]',
    candidates: [[{ token: 7, score: 0.5, token_str: 'x', fills: ['x'] }]],
  };

  it.each<[string, ExactAnswer]>([
    ['cut', made],
    [
      'whole',
      {
        encoding: {
          input_ids: Int32Array.of(2, 3),
          token_type_ids: new Int32Array(2),
          masked_positions: new Int32Array(),
        },
        mask: undefined,
        candidates: [],
      },
    ],
  ])('comes back from the edge as it was stored, if the text is %s', async (_, answer) => {
    const { cache } = memory();
    const { policy, later } = policyWith(cache);
    createCaches().answers.put('a', answerJson(answer), Date.now(), policy);
    await Promise.all(later);
    expect(await getAnswer(createCaches(), 'a', policy)).toEqual({ stored: 1_000_000, value: answer });
    expect(await getAnswer(createCaches(), 'b', policy)).toBeUndefined();
  });

  it('has an encoding that counts with all of its bytes', () => {
    const caches = createCaches();
    const { policy } = policyWith(undefined);
    putEncoding(caches, 'a', made, policy);
    expect(caches.encodings.usage).toEqual({ entries: 1, bytes: 4 * (3 + 3 + 1) + 750 + 2 + 200 });
    vi.setSystemTime(1_002_000);
    expect(caches.encodings.get('a', policy)).toEqual({ value: made, tier: 'isolate', age_s: 2 });
  });
});

it('an entry of the edge says its version, key and time', async () => {
  const { cache, stored } = memory();
  const { policy, later } = policyWith(cache);
  new EdgeTier(3, numbers).put('k', '[5]', 12, policy);
  await Promise.all(later);
  expect([...stored.values()].map(({ text }) => JSON.parse(text) as unknown)).toEqual([
    { version: 3, key: 'k', stored: 12, value: [5] },
  ]);
});

describe('a bounded map', () => {
  it('is full exactly at its bytes and its entries', () => {
    const map = new LruMap<number>({ entries: 2, bytes: 1_000 });
    map.set('a', 1, 1_000 - 200 - 2);
    expect([map.has('a'), map.bytes]).toEqual([true, 1_000]);
    map.set('a', 1, 1_000 - 200 - 1);
    expect([map.has('a'), map.bytes]).toEqual([false, 0]);
    for (const key of ['a', 'b', 'c']) map.set(key, 1, 0);
    expect([map.size, map.has('a'), map.has('b')]).toEqual([2, false, true]);
    map.set('c', 2, 300);
    expect([map.get('c'), map.size, map.bytes]).toEqual([2, 2, 202 + 502]);
  });
});

/** Entries outlive a deployment: keys of another form would never find them. */
it('a key is the SHA-256 of its parts as JSON, with words for what JSON lacks', async () => {
  const parts = ['a\ud800"', 0.5, true, Int32Array.of(1, -1), { b: undefined, a: false }, undefined, [NaN, -0]];
  const text = String.raw`["a\ud800\"",0.5,true,integers[1,-1],{"a":false},undefined,[NaN,-0]]`;
  expect(await digestOf(parts)).toBe(createHash('sha256').update(text).digest('hex'));
});
