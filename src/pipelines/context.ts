/** What a pipeline is given, and what it gives back. No HTTP. */
import type { Caches } from '../cache/caches.ts';
import type { CachePolicy, StoredCounts } from '../cache/tiered-cache.ts';
import type { LoadedModel, LoadedTokenizer } from '../model/loaded-model.ts';
import type { Work } from '../predict/work.ts';

export interface PipelineContext {
  /** `<id>@<revision>`: it names the tokenizer and the weights. */
  readonly model: string;
  /** The backend and the version of its arithmetic: it is part of the cache keys. */
  readonly numerics: string;
  /** Part of the cache keys too: callers and times that share no entries have different ones. */
  readonly partition: string;
  /** Reads the tokenizer without the weights. */
  readonly loadTokenizer: () => Promise<LoadedTokenizer>;
  readonly loadModel: () => Promise<LoadedModel>;
  /** Long texts are tokenized one at a time, the shortest first, and other requests run between them. */
  readonly inTurn?: <T>(length: number, run: () => T) => Promise<T>;
  readonly caches: Caches;
  readonly policy: CachePolicy;
  /** Aborted when the client has left. */
  readonly signal: AbortSignal;
}

/** Which tier answered, counted over the distinct questions of a request. */
export interface CacheCounts {
  readonly isolate: number;
  readonly edge: number;
  readonly computed: number;
  /** Age of the oldest cached answer, in seconds. */
  readonly age_s: number;
  /** Of the computed ones. A write that fails later takes its own back. */
  readonly stored: Readonly<StoredCounts>;
}

export interface Answered<T> {
  readonly answers: T;
  readonly work: Work;
  readonly cached: CacheCounts;
}

/** The same context, with the time of its loads added to `work`. */
export function timed(context: PipelineContext, work: Work): PipelineContext {
  async function time<T>(load: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const loaded = await load();
    work.load_ms += performance.now() - start;
    return loaded;
  }
  return {
    ...context,
    loadTokenizer: () => time(() => context.loadTokenizer()),
    loadModel: () => time(() => context.loadModel()),
  };
}
