/** The tiers of the caches: the memory of the isolate, and the edge cache. Does I/O through the latter. */
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

/** How many of the computed answers of a request each tier stored. */
export interface StoredCounts {
  isolate: number;
  /** Those whose writes were begun and have not failed so far. */
  edge: number;
}

/** A value and the time at which it was computed, in milliseconds since 1970. */
export interface Entry<T> {
  readonly value: T;
  readonly stored: number;
}

/** Entries in the memory of the isolate. */
export class IsolateTier<T> {
  readonly #entries: LruMap<Entry<T>>;

  constructor(max: { readonly entries: number; readonly bytes: number }) {
    this.#entries = new LruMap(max);
  }

  get usage(): { entries: number; bytes: number } {
    return { entries: this.#entries.size, bytes: this.#entries.bytes };
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  get(key: string, { read, ttl_s }: CachePolicy): CachedValue<T> | undefined {
    const entry = read ? this.#entries.get(key) : undefined;
    return entry && within(ttl_s, entry, 'isolate');
  }

  /** @param bytes of the value */
  put(key: string, entry: Entry<T>, bytes: number, { write }: CachePolicy): void {
    if (write) this.#entries.set(key, entry, bytes);
  }
}

/** Entries of one kind in the edge cache. */
export class EdgeTier<T> {
  readonly #version: number;
  readonly #schema;

  /**
   * @param version of the entry's format; entries of another version are misses
   * @param schema of a value; a value must survive JSON
   */
  constructor(version: number, schema: v.GenericSchema<T>) {
    this.#schema = v.pipe(
      v.string(),
      v.parseJson(),
      v.object({ version: v.literal(version), key: v.string(), stored: v.number(), value: schema }),
    );
    this.#version = version;
  }

  async get(key: string, { read, edge, ttl_s }: CachePolicy): Promise<Entry<T> | undefined> {
    if (!read || !edge) return undefined;
    const parsed = v.safeParse(this.#schema, await edge.get(key));
    // A damaged entry, one of another version, and one of another key are misses.
    if (!parsed.success || parsed.output.key !== key) return undefined;
    return within(ttl_s, parsed.output, 'edge') && parsed.output;
  }

  /**
   * Stores without delaying the response, where an operation is left for it.
   * @param json of the value
   */
  put(key: string, json: string, stored: number, policy: CachePolicy, counts?: StoredCounts): void {
    if (!policy.write || !policy.edge) return;
    const head = JSON.stringify({ version: this.#version, key, stored }).slice(0, -1);
    const written = policy.edge.put(key, `${head},"value":${json}}`, policy.ttl_s);
    if (!written) return;
    if (counts) counts.edge++;
    policy.waitUntil(
      written.then((succeeded) => {
        if (counts && !succeeded) counts.edge--;
      }),
    );
  }
}

/** A cache of both tiers. */
export class TieredCache<T> {
  readonly isolate: IsolateTier<T>;
  readonly edge: EdgeTier<T>;

  constructor(version: number, schema: v.GenericSchema<T>, max: { readonly entries: number; readonly bytes: number }) {
    this.isolate = new IsolateTier(max);
    this.edge = new EdgeTier(version, schema);
  }

  async get(key: string, policy: CachePolicy): Promise<CachedValue<T> | undefined> {
    const local = this.isolate.get(key, policy);
    if (local) return local;
    const entry = await this.edge.get(key, policy);
    if (!entry) return undefined;
    this.isolate.put(key, entry, sizeOf(JSON.stringify(entry.value)), policy);
    return { value: entry.value, tier: 'edge', age_s: ageOf(entry) };
  }

  /** Stores in the isolate at once, and at the edge without delaying the response. */
  put(key: string, value: T, policy: CachePolicy, counts?: StoredCounts): void {
    if (!policy.write) return;
    const [json, stored] = [JSON.stringify(value), Date.now()];
    this.isolate.put(key, { value, stored }, sizeOf(json), policy);
    this.edge.put(key, json, stored, policy, counts);
  }
}

/** Objects take about twice the bytes of their JSON in UTF-16. */
export const sizeOf = (json: string): number => 4 * json.length;

export const ageOf = ({ stored }: Entry<unknown>): number => Math.max(0, Math.floor((Date.now() - stored) / 1000));

function within<T>(ttl_s: number, entry: Entry<T>, tier: CachedValue<T>['tier']): CachedValue<T> | undefined {
  const age_s = ageOf(entry);
  return age_s < ttl_s ? { value: entry.value, tier, age_s } : undefined;
}
