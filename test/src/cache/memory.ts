/** A store in memory in the place of the edge cache, and what one request may do with it. */
import { EdgeCache, type TextCache } from '../../../src/cache/edge-cache.ts';
import type { CachePolicy } from '../../../src/cache/tiered-cache.ts';

/** Keeps what is put, by the address. */
export function memory() {
  const stored = new Map<string, { text: string; headers: Headers }>();
  const cache: TextCache = {
    match: (url) => {
      const found = stored.get(url);
      return Promise.resolve(found && new Response(found.text));
    },
    put: async (url, response) => void stored.set(url, { text: await response.text(), headers: response.headers }),
  };
  return { stored, cache };
}

/** A policy of a request of its own, and what it left for after the response. */
export function policyWith(cache: TextCache | undefined, more: Partial<CachePolicy> = {}) {
  const later: Promise<unknown>[] = [];
  const policy: CachePolicy = {
    read: true,
    write: true,
    edge: cache && new EdgeCache(cache, 'https://example.com', 45),
    ttl_s: 60,
    waitUntil: (work) => void later.push(work),
    ...more,
  };
  return { policy, later };
}
