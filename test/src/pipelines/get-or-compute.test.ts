/** Cached answers beside computed ones, and what is said of both. */
import { describe, expect, it, vi } from 'vitest';

import { createCaches } from '../../../src/cache/caches.ts';
import { EdgeCache, type TextCache } from '../../../src/cache/edge-cache.ts';
import type { CachePolicy } from '../../../src/cache/tiered-cache.ts';
import { countTiers, getOrCompute } from '../../../src/pipelines/get-or-compute.ts';
import { ok } from '../../../src/result.ts';

type Pair = [number, number];
const POLICY: CachePolicy = { read: true, write: true, edge: undefined, ttl_s: 3600, waitUntil: () => undefined };
const nothing = () => Promise.resolve();
const signal = new AbortController().signal;

/** An isolate with a cache of its own. */
function isolate() {
  const { pairs } = createCaches();
  const computed: string[] = [];
  const find = async (keys: readonly string[], more: Partial<CachePolicy> = {}, prepare = nothing) => {
    const written: Promise<unknown>[] = [];
    const policy = { ...POLICY, waitUntil: (work: Promise<unknown>) => void written.push(work), ...more };
    const result = await getOrCompute(keys, pairs, { policy, signal }, prepare, async (missing) => {
      computed.push(...missing);
      return ok(missing.map((): Pair => [0.5, 0.5]));
    });
    if (!result.ok) throw new Error(result.error.reason);
    await Promise.all(written);
    return countTiers(result.value.found.values(), result.value.stored);
  };
  return { pairs, computed, find };
}

/** An edge cache of so many operations; `fails` are those puts, counted from 0, that are rejected. */
function edgeCache(operations = 45, fails: readonly number[] = []) {
  let puts = 0;
  const entries = new Map<string, string>();
  const cache: TextCache = {
    match: async (url) => (entries.has(url) ? new Response(entries.get(url)) : undefined),
    async put(url, response) {
      if (fails.includes(puts++)) throw new Error('full');
      entries.set(url, await response.text());
    },
  };
  return () => new EdgeCache(cache, 'https://example.com', operations);
}

describe('a list of questions', () => {
  it('has the age of its oldest answer', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 });
    try {
      const { find } = isolate();
      await find(['a']);
      vi.setSystemTime(1_060_000);
      await find(['b']);
      vi.setSystemTime(1_090_000);
      expect(await find(['a', 'b'])).toMatchObject({ isolate: 2, computed: 0, age_s: 90 });
      expect(await find(['b', 'c'])).toMatchObject({ isolate: 1, computed: 1, age_s: 30 });
    } finally {
      vi.useRealTimers();
    }
  });

  it('is looked up again after a load, since another request may have answered meanwhile', async () => {
    const { computed, find } = isolate();
    const loaded = Promise.withResolvers<void>();
    const waiting = find(['a'], {}, () => loaded.promise);
    await find(['a']);
    loaded.resolve();
    expect(await waiting).toMatchObject({ isolate: 1, computed: 0 });
    expect(computed).toEqual(['a']);
  });
});

it('what a computation needs is prepared for a missing answer, and not for cached ones', async () => {
  const { find } = isolate();
  const prepare = vi.fn<() => Promise<void>>(nothing);
  await find(['a', 'b'], {}, prepare);
  expect(prepare).toHaveBeenCalledTimes(1);
  await find(['b', 'a', 'b'], {}, prepare);
  await find([], {}, prepare);
  expect(prepare).toHaveBeenCalledTimes(1);
  await find(['a', 'c'], {}, prepare);
  expect(prepare).toHaveBeenCalledTimes(2);
});

describe('what is said to be stored', () => {
  it('is what the edge cache has operations for, and is there for another isolate', async () => {
    const edge = edgeCache(7);
    const keys = ['a', 'b', 'c', 'd', 'e'];
    const first = await isolate().find(keys, { edge: edge() });
    expect(first).toMatchObject({ computed: 5, stored: { isolate: 5, edge: 2 } });
    expect(await isolate().find(keys, { edge: edge() })).toMatchObject({ edge: 2, computed: 3 });
  });

  it('is something, also where the look-ups alone would take all operations', async () => {
    const found = await isolate().find('abcdefghij'.split(''), { edge: edgeCache(8)() });
    expect(found).toMatchObject({ computed: 10, stored: { isolate: 10, edge: 2 } });
  });

  it('is not what failed to be stored, as soon as that is known', async () => {
    const found = await isolate().find(['a', 'b', 'c'], { edge: edgeCache(45, [1])() });
    expect(found.stored).toEqual({ isolate: 3, edge: 2 });
  });

  it('is not what the isolate had no room for', async () => {
    const { pairs, find } = isolate();
    vi.spyOn(pairs.cache.isolate, 'put').mockReturnValueOnce();
    expect(await find(['a', 'b'])).toMatchObject({ computed: 2, stored: { isolate: 1, edge: 0 } });
  });

  it('is nothing for a request that stores nothing', async () => {
    const { find, pairs } = isolate();
    const found = await find(['a'], { read: false, write: false, edge: edgeCache()() });
    expect(found).toMatchObject({ computed: 1, stored: { isolate: 0, edge: 0 } });
    expect(pairs.cache.isolate.usage.entries).toBe(0);
  });
});

it('a request that waited for one that stores nothing stores the answer itself', async () => {
  const { pairs, find } = isolate();
  const released = Promise.withResolvers<void>();
  const policy = { ...POLICY, read: false, write: false };
  const leader = getOrCompute(['a'], pairs, { policy, signal }, nothing, async () => {
    await released.promise;
    return ok([[0.5, 0.5] as Pair]);
  });
  await vi.waitUntil(() => pairs.inFlight.size === 1);
  const follower = find(['a'], { edge: edgeCache()() });
  await new Promise((resolve) => setTimeout(resolve));
  released.resolve();
  await leader;
  expect(await follower).toMatchObject({ computed: 1, stored: { isolate: 1, edge: 1 } });
  expect(pairs.cache.isolate.usage.entries).toBe(1);
});
