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
import { type CachePolicy, EdgeTier, type Entry, IsolateTier, TieredCache } from './tiered-cache.ts';
import { ANSWER_VERSION, PAIR_VERSION, PREDICTION_VERSION, SCORE_VERSION } from './versions.ts';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const integers = v.array(count);

/** The answer to an exact text: what a response is made of, without a tokenizer. */
const answer = v.object({
  input_ids: integers,
  token_type_ids: integers,
  masked_positions: integers,
  truncated: v.optional(v.object({ tokens_before: count, tokens_after: count })),
  /** How the masks of the text are spelled, where that is the model's own spelling. */
  mask: v.optional(v.pipe(v.string(), v.minLength(1))),
  candidates,
});

/** How a text is read. */
export interface ReadText {
  readonly encoding: Encoding | CutEncoding;
  /** As in an answer. */
  readonly mask: string | undefined;
}

/** What the edge cache knows of an exact text. */
export interface ExactAnswer extends ReadText {
  readonly candidates: Candidates;
}

/** Answers of one kind: the cached ones, and the computations in flight. */
export interface AnswerCache<T> {
  readonly cache: TieredCache<T>;
  readonly inFlight: InFlight<T>;
}

export interface Caches {
  /** By the exact text; only within the isolate, since the answers at the edge hold them too. */
  readonly encodings: IsolateTier<ReadText>;
  /** By the exact text; only at the edge, since encodings and predictions answer within the isolate. */
  readonly answers: EdgeTier<v.InferOutput<typeof answer>>;
  /** By token ids: texts that the tokenizer cannot tell apart share them. */
  readonly predictions: AnswerCache<Candidates>;
  readonly scores: AnswerCache<ScoredTokens>;
  readonly pairs: AnswerCache<LabelProbabilities>;
}

function answers<T>(...given: ConstructorParameters<typeof TieredCache<T>>): AnswerCache<T> {
  return { cache: new TieredCache(...given), inFlight: new InFlight(IN_FLIGHT_LEASE_MS) };
}

export function createCaches(): Caches {
  return {
    encodings: new IsolateTier(MAX_CACHED_ENCODINGS),
    answers: new EdgeTier(ANSWER_VERSION, answer),
    predictions: answers(PREDICTION_VERSION, candidates, MAX_CACHED_PREDICTIONS),
    scores: answers(SCORE_VERSION, scoredTokens, MAX_CACHED_SCORES),
    pairs: answers(PAIR_VERSION, labelProbabilities, MAX_CACHED_PAIRS),
  };
}

/** V8's heap for three typed arrays and what holds them, without their content: 730 to 760 bytes in Node 22. */
const ENCODING_BYTES = 750;

export function putEncoding({ encodings }: Caches, key: string, value: ReadText, policy: CachePolicy): void {
  const { input_ids, token_type_ids, masked_positions } = value.encoding;
  const bytes = input_ids.byteLength + token_type_ids.byteLength + masked_positions.byteLength + ENCODING_BYTES;
  encodings.put(key, { value, stored: Date.now() }, bytes, policy);
}

export async function getAnswer(
  { answers: cached }: Caches,
  key: string,
  policy: CachePolicy,
): Promise<Entry<ExactAnswer> | undefined> {
  const entry = await cached.get(key, policy);
  if (!entry) return undefined;
  const { input_ids, token_type_ids, masked_positions, truncated, mask, candidates: made } = entry.value;
  const encoding = {
    input_ids: Int32Array.from(input_ids),
    token_type_ids: Int32Array.from(token_type_ids),
    masked_positions: Int32Array.from(masked_positions),
    ...(truncated && { truncated }),
  };
  return { stored: entry.stored, value: { encoding, mask, candidates: made } };
}

/** Typed arrays to lists, which JSON can hold. */
export function answerJson({ encoding, mask, candidates: made }: ExactAnswer): string {
  return JSON.stringify({
    input_ids: [...encoding.input_ids],
    token_type_ids: [...encoding.token_type_ids],
    masked_positions: [...encoding.masked_positions],
    ...('truncated' in encoding && { truncated: encoding.truncated }),
    mask,
    candidates: made,
  });
}
