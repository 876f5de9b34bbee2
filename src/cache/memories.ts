/** The two things that are remembered: what a text is to the model, and what the model said of it. No I/O of its own. */
import * as v from 'valibot';

import type { Question, Unanswerable } from '../fill-mask.ts';
import type { Encoding } from '../inference/backend.ts';
import { IN_FLIGHT_PATIENCE_MS, MAX_ENCODINGS, MAX_PREDICTIONS } from '../limits.ts';
import type { Result } from '../result.ts';
import { characterBefore, type MaskedText } from '../tokenizer/masks.ts';
import { TOKENIZER_VERSION } from '../tokenizer/tokenizer.ts';
import { InFlight } from './in-flight.ts';
import { digestOf } from './key.ts';
import { Memory } from './memory.ts';

/** Of the form of an entry, and of what it was computed with besides what its key names. */
const ENCODING_VERSION = 1;
const PREDICTION_VERSION = 1;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

const encoding = v.object({
  input_ids: v.array(count),
  token_type_ids: v.array(count),
  masked_positions: v.array(count),
});
type RememberedEncoding = v.InferOutput<typeof encoding>;

const candidate = v.object({
  token: count,
  score: v.number(),
  token_str: v.string(),
  /** What stands in the mask's place in a text. */
  fill: v.string(),
});
const candidates = v.array(v.array(candidate));
/** For each mask of a text, best first. */
export type Candidates = v.InferOutput<typeof candidates>;

/** What an isolate remembers, and has under way. */
export interface Memories {
  readonly encodings: Memory<RememberedEncoding>;
  readonly predictions: Memory<Candidates>;
  readonly inFlight: InFlight<Result<Candidates, Unanswerable>>;
}

export function createMemories(): Memories {
  return {
    encodings: new Memory(ENCODING_VERSION, encoding, MAX_ENCODINGS),
    predictions: new Memory(PREDICTION_VERSION, candidates, MAX_PREDICTIONS),
    inFlight: new InFlight(IN_FLIGHT_PATIENCE_MS),
  };
}

/** @param model `<id>@<revision>`, which names the tokenizer too */
export function encodingKey(model: string, text: string): Promise<string> {
  return digestOf(['encoding', ENCODING_VERSION, TOKENIZER_VERSION, model, text]);
}

/**
 * @param sources `numerics` names the backend and the version of its arithmetic
 * @param text only what stands before its masks counts, and only where there are targets: they have other pieces then
 */
export function predictionKey(
  { model, numerics }: { readonly model: string; readonly numerics: string },
  { top_k, targets }: Question,
  text: MaskedText,
  { input_ids, masked_positions }: Encoding,
): Promise<string> {
  const before = targets && Array.from(text.masks, (_, m) => characterBefore(text, m));
  const version = [PREDICTION_VERSION, TOKENIZER_VERSION, model, numerics];
  return digestOf(['prediction', ...version, input_ids, masked_positions, top_k, targets, before]);
}

export function toRemembered({ input_ids, token_type_ids, masked_positions }: Encoding): RememberedEncoding {
  return {
    input_ids: [...input_ids],
    token_type_ids: [...token_type_ids],
    masked_positions: [...masked_positions],
  };
}

export function fromRemembered({ input_ids, token_type_ids, masked_positions }: RememberedEncoding): Encoding {
  return {
    input_ids: Int32Array.from(input_ids),
    token_type_ids: Int32Array.from(token_type_ids),
    masked_positions: Int32Array.from(masked_positions),
  };
}
