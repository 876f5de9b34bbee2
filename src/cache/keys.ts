/**
 * The keys of the caches: all that an entry depends on. A key has the input and every parameter of its question but those that
 * a list here excludes by name, so that a new parameter is part of all keys until somebody excludes it. No I/O.
 */
import type { Encoding } from '../inference/backend.ts';
import type { FillMaskQuestion, ScoreQuestion, SentenceQuestion } from '../schemas/questions.ts';
import type { Pair, SentenceHead } from '../schemas/sentence.ts';
import { characterBefore, type MaskedText } from '../tokenizer/masks.ts';
import { TOKENIZER_VERSION } from '../tokenizer/tokenizer.ts';
import { digestOf } from './digest.ts';
import { ANSWER_VERSION, PAIR_VERSION, PREDICTION_VERSION, SCORE_VERSION } from './versions.ts';

interface Served {
  /** `<id>@<revision>`: it names the tokenizer too. */
  readonly model: string;
  /** The backend and the version of its arithmetic. */
  readonly numerics: string;
  /** Callers and times that share no entries have different ones. */
  readonly partition: string;
}

/** The input, and what a response is given after the caches: its shape, its bound, and the offsets of masks. */
const NOT_CACHED = ['texts', 'isList', 'max_answer_bytes', 'return_offsets'] as const;
/** The ids of a truncated text stand for the parameter. */
const NOT_PREDICTED = [...NOT_CACHED, 'truncation'] as const;
/** What the model makes of the ids. */
const NOT_ENCODED = [...NOT_CACHED, 'top_k', 'strategy', 'num_beams', 'filter'] as const;

/** Only a truncated text must leave room for the longest target or word. */
const NOT_ENCODED_UNCUT = [...NOT_ENCODED, 'targets', 'whole_words'] as const;
const NOT_SCORED = ['texts', 'isList'] as const;
const NOT_CLASSIFIED = ['pairs', 'isList'] as const;

/** What `without` returned: all texts of a request have one question. */
const parametersOf = new WeakMap<object, Map<readonly string[], object>>();

/** @returns all fields but the excluded ones; each is something that a digest can take, or the caller does not compile */
function without<Question extends object, const Name extends keyof Question & string>(
  question: Question,
  excluded: readonly Name[],
): Omit<Question, Name> {
  const known = parametersOf.get(question) ?? new Map<readonly string[], object>();
  parametersOf.set(question, known);
  const isKept = ([name]: [string, unknown]) => !(excluded as readonly string[]).includes(name);
  const kept = known.get(excluded) ?? Object.fromEntries(Object.entries(question).filter(isKept));
  known.set(excluded, kept);
  return kept as Omit<Question, Name>;
}

/**
 * Names an encoding within an isolate.
 * @param text as it was sent
 */
export function encodingKey(
  { model, partition }: Omit<Served, 'numerics'>,
  question: FillMaskQuestion,
  text: string,
): Promise<string> {
  const parameters = without(question, question.truncation ? NOT_ENCODED : NOT_ENCODED_UNCUT);
  return digestOf(['encoding', partition, model, text, parameters]);
}

/** @param text as it was sent, with its masks */
export function answerKey(
  { model, numerics, partition }: Served,
  question: FillMaskQuestion,
  text: string,
): Promise<string> {
  const version = [ANSWER_VERSION, TOKENIZER_VERSION, partition, model, numerics];
  return digestOf(['answer', ...version, text, without(question, NOT_CACHED)]);
}

/**
 * The encoding stands for the text. With targets, the character before each mask counts as well: a target has other pieces
 * inside a word than after a space. Every default is resolved in `question`, so that a changed default is another key.
 */
export function predictionKey(
  { model, numerics, partition }: Served,
  question: FillMaskQuestion,
  text: MaskedText,
  { input_ids, masked_positions }: Encoding,
): Promise<string> {
  const before = question.targets && Array.from(text.masks, (_, m) => characterBefore(text, m));
  const version = [PREDICTION_VERSION, TOKENIZER_VERSION, partition, model, numerics];
  return digestOf(['prediction', ...version, input_ids, masked_positions, before, without(question, NOT_PREDICTED)]);
}

export function scoreKey(
  { model, numerics, partition }: Served,
  question: ScoreQuestion,
  text: string,
): Promise<string> {
  const version = [SCORE_VERSION, TOKENIZER_VERSION, partition, model, numerics];
  return digestOf(['score', ...version, text, without(question, NOT_SCORED)]);
}

export function pairKey(
  { model, numerics, partition }: Served,
  question: SentenceQuestion<SentenceHead>,
  { text, text_pair }: Pair,
): Promise<string> {
  const version = [PAIR_VERSION, TOKENIZER_VERSION, partition, model, numerics];
  return digestOf(['pair', ...version, text, text_pair, without(question, NOT_CLASSIFIED)]);
}
