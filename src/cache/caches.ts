/** The caches of an isolate: encodings of texts, and the model's answers. No I/O of its own. */
import * as v from 'valibot';

import type { Encoding } from '../inference/backend.ts';
import {
  IN_FLIGHT_LEASE_MS,
  MAX_CACHED_ENCODINGS,
  MAX_CACHED_PAIRS,
  MAX_CACHED_PREDICTIONS,
  MAX_CACHED_SCORES,
} from '../limits.ts';
import {
  type Candidates,
  candidates,
  type LabelProbabilities,
  labelProbabilities,
  type ScoredTokens,
  scoredTokens,
} from '../predict/answers.ts';
import type { CutEncoding } from '../tokenizer/truncation.ts';
import { InFlight } from '../concurrency/in-flight.ts';
import { TieredCache } from './tiered-cache.ts';
import { ENCODING_VERSION, PAIR_VERSION, PREDICTION_VERSION, SCORE_VERSION } from './versions.ts';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

const encoding = v.object({
  input_ids: v.array(count),
  token_type_ids: v.array(count),
  masked_positions: v.array(count),
  truncated: v.optional(v.object({ tokens_before: count, tokens_after: count })),
});
type CachedEncoding = v.InferOutput<typeof encoding>;

/** Answers of one kind: the cached ones, and the computations in flight. */
export interface AnswerCache<T> {
  readonly cache: TieredCache<T>;
  readonly inFlight: InFlight<T>;
}

export interface Caches {
  readonly encodings: TieredCache<CachedEncoding>;
  readonly predictions: AnswerCache<Candidates>;
  readonly scores: AnswerCache<ScoredTokens>;
  readonly pairs: AnswerCache<LabelProbabilities>;
}

function answers<T>(...given: ConstructorParameters<typeof TieredCache<T>>): AnswerCache<T> {
  return { cache: new TieredCache(...given), inFlight: new InFlight(IN_FLIGHT_LEASE_MS) };
}

export function createCaches(): Caches {
  return {
    encodings: new TieredCache(ENCODING_VERSION, encoding, MAX_CACHED_ENCODINGS),
    predictions: answers(PREDICTION_VERSION, candidates, MAX_CACHED_PREDICTIONS),
    scores: answers(SCORE_VERSION, scoredTokens, MAX_CACHED_SCORES),
    pairs: answers(PAIR_VERSION, labelProbabilities, MAX_CACHED_PAIRS),
  };
}

/** Typed arrays to lists, which JSON can hold. */
export function toCachedEncoding(made: Encoding | CutEncoding): CachedEncoding {
  return {
    input_ids: [...made.input_ids],
    token_type_ids: [...made.token_type_ids],
    masked_positions: [...made.masked_positions],
    ...('truncated' in made && { truncated: made.truncated }),
  };
}

export function fromCachedEncoding(cached: CachedEncoding): Encoding | CutEncoding {
  return {
    input_ids: Int32Array.from(cached.input_ids),
    token_type_ids: Int32Array.from(cached.token_type_ids),
    masked_positions: Int32Array.from(cached.masked_positions),
    ...(cached.truncated && { truncated: cached.truncated }),
  };
}
