/** What is remembered: what a text is to the model, and what the model said of it. No I/O of its own. */
import * as v from 'valibot';

import type { Question } from '../fill-mask.ts';
import type { Metric } from '../http/schemas/score.ts';
import type { Pair, SentenceHead } from '../http/schemas/sentence.ts';
import type { Encoding } from '../inference/backend.ts';
import { IN_FLIGHT_PATIENCE_MS, MAX_ENCODINGS, MAX_JUDGEMENTS, MAX_PREDICTIONS, MAX_SCORES } from '../limits.ts';
import { characterBefore, type MaskedText } from '../tokenizer/masks.ts';
import { TOKENIZER_VERSION } from '../tokenizer/tokenizer.ts';
import type { CutEncoding } from '../tokenizer/truncate.ts';
import { InFlight } from './in-flight.ts';
import { digestOf } from './key.ts';
import { Memory } from './memory.ts';

/** Of the form of an entry, and of what it was computed with besides what its key names. */
const ENCODING_VERSION = 1;
const PREDICTION_VERSION = 2;
const SCORE_VERSION = 1;
const JUDGEMENT_VERSION = 1;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const pair = v.tuple([count, count]);

const encoding = v.object({
  input_ids: v.array(count),
  token_type_ids: v.array(count),
  masked_positions: v.array(count),
  truncated: v.optional(v.object({ tokens_before: count, tokens_after: count })),
});
type RememberedEncoding = v.InferOutput<typeof encoding>;

const candidate = v.object({
  token: count,
  score: v.number(),
  token_str: v.string(),
  /** Of several pieces, or one for each mask. */
  tokens: v.optional(v.array(count)),
  token_strs: v.optional(v.array(v.string())),
  /** What stands in the place of the mask in a text, or of each mask. */
  fills: v.array(v.string()),
});
const candidates = v.array(v.array(candidate));
/** For each mask of a text, best first; of combinations one list for all masks. */
export type Candidates = v.InferOutput<typeof candidates>;

const scoredTokens = v.array(
  v.object({
    token: count,
    token_str: v.string(),
    score: v.number(),
    offsets: v.object({ utf16: pair, code_points: pair }),
  }),
);
export type ScoredTokens = v.InferOutput<typeof scoredTokens>;

/** The probabilities of what the two logits of a sentence head stand for. */
const judgement = v.tuple([v.number(), v.number()]);
export type Judgement = v.InferOutput<typeof judgement>;

/** Answers of one kind: those remembered, and those under way. */
export interface Answers<T> {
  readonly memory: Memory<T>;
  readonly inFlight: InFlight<T>;
}

/** What an isolate remembers, and has under way. */
export interface Memories {
  readonly encodings: Memory<RememberedEncoding>;
  readonly predictions: Answers<Candidates>;
  readonly scores: Answers<ScoredTokens>;
  readonly judgements: Answers<Judgement>;
}

function answers<T>(...given: ConstructorParameters<typeof Memory<T>>): Answers<T> {
  return { memory: new Memory(...given), inFlight: new InFlight(IN_FLIGHT_PATIENCE_MS) };
}

export function createMemories(): Memories {
  return {
    encodings: new Memory(ENCODING_VERSION, encoding, MAX_ENCODINGS),
    predictions: answers(PREDICTION_VERSION, candidates, MAX_PREDICTIONS),
    scores: answers(SCORE_VERSION, scoredTokens, MAX_SCORES),
    judgements: answers(JUDGEMENT_VERSION, judgement, MAX_JUDGEMENTS),
  };
}

/** `numerics` names the backend and the version of its arithmetic. */
interface Served {
  readonly model: string;
  readonly numerics: string;
}

/**
 * @param model `<id>@<revision>`, which names the tokenizer too
 * @param room the words for which there has to be room in a text that is cut; undefined where it is not cut
 */
export function encodingKey(model: string, text: string, room?: readonly string[]): Promise<string> {
  return digestOf(['encoding', ENCODING_VERSION, TOKENIZER_VERSION, model, text, room]);
}

/** @param text only what stands before its masks counts, and only where there are targets: they have other pieces then */
export function predictionKey(
  { model, numerics }: Served,
  { top_k, targets, strategy, beams }: Omit<Question, 'texts' | 'isList'>,
  text: MaskedText,
  { input_ids, masked_positions }: Encoding,
): Promise<string> {
  const before = targets && Array.from(text.masks, (_, m) => characterBefore(text, m));
  const version = [PREDICTION_VERSION, TOKENIZER_VERSION, model, numerics];
  return digestOf(['prediction', ...version, input_ids, masked_positions, top_k, targets, before, strategy, beams]);
}

export function scoreKey({ model, numerics }: Served, metric: Metric, text: string): Promise<string> {
  return digestOf(['score', SCORE_VERSION, TOKENIZER_VERSION, model, numerics, metric, text]);
}

export function judgementKey({ model, numerics }: Served, head: SentenceHead, asked: Pair): Promise<string> {
  const version = [JUDGEMENT_VERSION, TOKENIZER_VERSION, model, numerics];
  return digestOf(['judgement', ...version, head, asked.text, asked.text_pair]);
}

export function toRemembered(made: Encoding | CutEncoding): RememberedEncoding {
  return {
    input_ids: [...made.input_ids],
    token_type_ids: [...made.token_type_ids],
    masked_positions: [...made.masked_positions],
    ...('truncated' in made && { truncated: made.truncated }),
  };
}

export function fromRemembered(kept: RememberedEncoding): Encoding | CutEncoding {
  return {
    input_ids: Int32Array.from(kept.input_ids),
    token_type_ids: Int32Array.from(kept.token_type_ids),
    masked_positions: Int32Array.from(kept.masked_positions),
    ...(kept.truncated && { truncated: kept.truncated }),
  };
}
