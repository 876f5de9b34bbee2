/** A cache of two tiers: the memory of the isolate, then the edge cache. Does I/O through the latter. */
import * as v from 'valibot';

import type { EdgeCache } from './edge-cache.ts';
import { LruMap } from './lru-map.ts';

/** What one request may do with the caches. */
export interface CachePolicy {
  /** Whether a cached value may answer. */
  readonly read: boolean;
  /** Whether a computed value may be stored. */
  readonly write: boolean;
  readonly edge: EdgeCache | undefined;
  /** Seconds after which a value answers no more. */
  readonly ttl_s: number;
  /** Keeps work alive after the response, as `ExecutionContext.waitUntil` does. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}

export interface CachedValue<T> {
  readonly value: T;
  readonly tier: 'isolate' | 'edge';
  /** Seconds since it was computed. */
  readonly age_s: number;
}

interface Entry<T> {
  readonly value: T;
  /** Milliseconds since 1970. */
  readonly stored: number;
}

export class TieredCache<T> {
  readonly #isolate: LruMap<Entry<T>>;
  readonly #version: number;
  readonly #schema;

  /**
   * @param version of the entry's format; entries of another version are misses
   * @param schema of a value; a value must survive JSON
   * @param max bounds of the isolate's tier
   */
  constructor(version: number, schema: v.GenericSchema<T>, max: { readonly entries: number; readonly bytes: number }) {
    this.#isolate = new LruMap(max);
    this.#schema = v.pipe(
      v.string(),
      v.parseJson(),
      v.object({ version: v.literal(version), key: v.string(), stored: v.number(), value: schema }),
    );
    this.#version = version;
  }

  /** Entries and bytes in the isolate's tier. */
  get usage(): { entries: number; bytes: number } {
    return { entries: this.#isolate.size, bytes: this.#isolate.bytes };
  }

  /** Looks in the isolate's tier only, synchronously. */
  getLocal(key: string, { read, ttl_s }: CachePolicy): CachedValue<T> | undefined {
    const entry = read ? this.#isolate.get(key) : undefined;
    return entry && within(ttl_s, { value: entry.value, tier: 'isolate', age_s: ageOf(entry) });
  }

  async get(key: string, policy: CachePolicy): Promise<CachedValue<T> | undefined> {
    const local = this.getLocal(key, policy);
    if (local || !policy.read || !policy.edge) return local;
    const text = await policy.edge.get(key);
    const parsed = v.safeParse(this.#schema, text);
    // A damaged entry, one of another version, and one of another key are misses.
    if (!parsed.success || parsed.output.key !== key) return undefined;
    const entry = parsed.output;
    if (policy.write) this.#isolate.set(key, entry, sizeOf(text));
    return within(policy.ttl_s, { value: entry.value, tier: 'edge', age_s: ageOf(entry) });
  }

  /** Stores in the isolate at once, and at the edge without delaying the response. */
  put(key: string, value: T, { write, edge, ttl_s, waitUntil }: CachePolicy): void {
    if (!write) return;
    const entry = { value, stored: Date.now() };
    const text = JSON.stringify({ version: this.#version, key, ...entry });
    this.#isolate.set(key, entry, sizeOf(text));
    if (edge) waitUntil(edge.put(key, text, ttl_s));
  }
}

/** Objects take about twice the bytes of their JSON in UTF-16. */
const sizeOf = (json: string | undefined): number => 4 * (json?.length ?? 0);

const ageOf = ({ stored }: { readonly stored: number }): number =>
  Math.max(0, Math.floor((Date.now() - stored) / 1000));

function within<T>(ttl_s: number, cached: CachedValue<T>): CachedValue<T> | undefined {
  return cached.age_s < ttl_s ? cached : undefined;
}
