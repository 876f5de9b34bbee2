/** Cached answers, and the computation of the missing ones, each once. No HTTP. */
import type { AnswerCache } from '../cache/caches.ts';
import type { CachedValue } from '../cache/tiered-cache.ts';
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

/**
 * @param keys of the questions; equal keys are looked up and computed once
 * @param prepare what a computation needs, such as the model; called only when a key is missing
 * @param compute an answer for each of the missing keys, in order; it must call `beat` whenever it makes progress
 * @returns an answer for each key, or the error
 * @throws what `prepare` and `compute` throw
 */
export async function getOrCompute<T, P>(
  keys: readonly string[],
  { cache, inFlight }: AnswerCache<T>,
  { policy, signal }: Pick<PipelineContext, 'policy' | 'signal'>,
  prepare: () => Promise<P>,
  compute: (missing: readonly string[], prepared: P, beat: () => void) => Promise<Result<readonly T[], RequestError>>,
): Promise<Result<{ answers: T[]; cached: CacheCounts }, RequestError>> {
  const distinct = [...new Set(keys)];
  const found = new Map<string, CachedValue<T>>();
  await Promise.all(
    distinct.map(async (key) => {
      const hit = await cache.get(key, policy);
      if (hit) found.set(key, hit);
    }),
  );
  const prepared = found.size < distinct.length ? await prepare() : undefined;
  // Another request may have computed an answer meanwhile. From here to `share` nothing is awaited.
  for (const key of distinct) {
    const hit = found.get(key) ?? cache.getLocal(key, policy);
    if (hit) found.set(key, hit);
  }

  const missing = distinct.filter((key) => !found.has(key));
  const answers = new Map(Array.from(found, ([key, { value }]) => [key, value]));
  try {
    // The computation stops when its client leaves. A request that waits for the same answer then computes it itself.
    const computed = await inFlight.share(missing, async (mine, beat) => {
      const result = await compute(mine, prepared as P, () => {
        signal.throwIfAborted();
        beat();
      });
      if (!result.ok) throw new Rejected(result.error);
      for (const [i, answer] of result.value.entries()) cache.put(mine[i] ?? '', answer, policy);
      return result.value;
    });
    for (const [i, answer] of computed.entries()) answers.set(missing[i] ?? '', answer);
  } catch (error) {
    if (error instanceof Rejected) return fail(error.error);
    throw error;
  }

  const hits = Array.from(found.values());
  return ok({
    answers: keys.map((key) => answers.get(key) as T),
    cached: {
      isolate: hits.filter(({ tier }) => tier === 'isolate').length,
      edge: hits.filter(({ tier }) => tier === 'edge').length,
      computed: missing.length,
      age_s: Math.max(0, ...hits.map(({ age_s }) => age_s)),
    },
  });
}
