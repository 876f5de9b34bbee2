/** Cached answers, and the computation of the missing ones, each once. No HTTP. */
import type { AnswerCache } from '../cache/caches.ts';
import type { CachedValue, StoredCounts } from '../cache/tiered-cache.ts';
import type { RequestError } from '../errors.ts';
import { fail, ok, type Result } from '../result.ts';
import type { CacheCounts, PipelineContext } from './context.ts';

/**
 * Carries a request error through a shared computation to the request that led it. Requests that waited for the same key
 * compute for themselves, since their question may be smaller.
 */
class Rejected extends Error {
  readonly error: RequestError;

  constructor(error: RequestError) {
    super(error.reason);
    this.error = error;
  }
}

/** An answer, and where it came from. */
export interface Found<T> {
  readonly value: T;
  readonly tier: CachedValue<T>['tier'] | 'computed';
  /** Seconds since it was computed. */
  readonly age_s: number;
}

/**
 * @param keys of the questions; equal keys are looked up and computed once
 * @param prepare what a computation needs, such as the model; called only when a key is missing
 * @param compute an answer for each of the missing keys, in order; it must call `beat` whenever it makes progress
 * @returns an answer for each distinct key, and how many of the computed ones are stored; or the error
 * @throws what `prepare` and `compute` throw, and the reason of the signal once the client has left
 */
export async function getOrCompute<T, P>(
  keys: readonly string[],
  { cache, inFlight }: AnswerCache<T>,
  { policy, signal }: Pick<PipelineContext, 'policy' | 'signal'>,
  prepare: () => Promise<P>,
  compute: (missing: readonly string[], prepared: P, beat: () => void) => Promise<Result<readonly T[], RequestError>>,
): Promise<Result<{ found: ReadonlyMap<string, Found<T>>; stored: StoredCounts }, RequestError>> {
  const requireClient = () => signal.throwIfAborted();
  requireClient();
  const distinct = [...new Set(keys)];
  const found = new Map<string, Found<T>>();
  if (distinct.length === 0) return ok({ found, stored: { isolate: 0, edge: 0 } });
  await Promise.all(
    distinct.map(async (key) => {
      const hit = await cache.get(key, policy);
      if (hit) found.set(key, hit);
    }),
  );
  requireClient();
  const prepared = found.size < distinct.length ? await prepare() : undefined;
  requireClient();
  // Another request may have computed an answer meanwhile. From here to `share` nothing is awaited.
  for (const key of distinct) {
    const hit = found.get(key) ?? cache.isolate.get(key, policy);
    if (hit) found.set(key, hit);
  }

  const missing = distinct.filter((key) => !found.has(key));
  const own = new Set<string>();
  const stored: StoredCounts = { isolate: 0, edge: 0 };
  try {
    // The computation stops when its client leaves. A request that waits for the same answer then computes it itself.
    const computed = await inFlight.share(
      missing,
      async (mine, beat) => {
        const result = await compute(mine, prepared as P, () => {
          requireClient();
          beat();
        });
        if (!result.ok) throw new Rejected(result.error);
        for (const [i, answer] of result.value.entries()) {
          const key = mine[i] ?? '';
          cache.put(key, answer, policy, stored);
          own.add(key);
        }
        return result.value;
      },
      requireClient,
    );
    for (const [i, value] of computed.entries()) {
      const key = missing[i] ?? '';
      found.set(key, { value, tier: 'computed', age_s: 0 });
      // The request that computed it may have been one that stores nothing.
      if (!own.has(key) && !cache.isolate.has(key)) cache.put(key, value, policy, stored);
    }
    if (policy.write) stored.isolate = missing.filter((key) => cache.isolate.has(key)).length;
  } catch (error) {
    if (error instanceof Rejected) return fail(error.error);
    throw error;
  }
  return ok({ found, stored });
}

/** @param found for each distinct question */
export function countTiers(found: Iterable<Omit<Found<unknown>, 'value'>>, stored: StoredCounts): CacheCounts {
  const all = [...found];
  const count = (wanted: Found<unknown>['tier']) => all.filter(({ tier }) => tier === wanted).length;
  return {
    isolate: count('isolate'),
    edge: count('edge'),
    computed: count('computed'),
    age_s: Math.max(0, ...all.map(({ age_s }) => age_s)),
    stored,
  };
}
