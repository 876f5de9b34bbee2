/** The keys of the caches: all that an entry depends on. No I/O. */
import type { Encoding } from '../inference/backend.ts';
import type { FillMaskQuestion } from '../schemas/questions.ts';
import type { Metric } from '../schemas/score.ts';
import type { Pair, SentenceHead } from '../schemas/sentence.ts';
import { characterBefore, type MaskedText } from '../tokenizer/masks.ts';
import { TOKENIZER_VERSION } from '../tokenizer/tokenizer.ts';
import { digestOf } from './digest.ts';
import { ENCODING_VERSION, PAIR_VERSION, PREDICTION_VERSION, SCORE_VERSION } from './versions.ts';

interface Served {
  /** `<id>@<revision>`: it names the tokenizer too. */
  readonly model: string;
  /** The backend and the version of its arithmetic. */
  readonly numerics: string;
  /** Callers and times that share no entries have different ones. */
  readonly partition: string;
}

/**
 * @param room the targets that a truncated text must leave room for; undefined without truncation
 */
export function encodingKey(
  { model, partition }: Omit<Served, 'numerics'>,
  text: string,
  room?: readonly string[],
): Promise<string> {
  return digestOf(['encoding', ENCODING_VERSION, TOKENIZER_VERSION, partition, model, text, room]);
}

/**
 * The encoding stands for the text. With targets, the character before each mask counts as well: a target has other pieces
 * inside a word than after a space. Every default is resolved in `question`, so that a changed default is another key.
 */
export function predictionKey(
  { model, numerics, partition }: Served,
  { top_k, targets, strategy, num_beams }: Pick<FillMaskQuestion, 'top_k' | 'targets' | 'strategy' | 'num_beams'>,
  text: MaskedText,
  { input_ids, masked_positions }: Encoding,
): Promise<string> {
  const before = targets && Array.from(text.masks, (_, m) => characterBefore(text, m));
  const version = [PREDICTION_VERSION, TOKENIZER_VERSION, partition, model, numerics];
  return digestOf(['prediction', ...version, input_ids, masked_positions, top_k, targets, before, strategy, num_beams]);
}

export function scoreKey({ model, numerics, partition }: Served, metric: Metric, text: string): Promise<string> {
  return digestOf(['score', SCORE_VERSION, TOKENIZER_VERSION, partition, model, numerics, metric, text]);
}

export function pairKey(
  { model, numerics, partition }: Served,
  head: SentenceHead,
  { text, text_pair }: Pair,
): Promise<string> {
  const version = [PAIR_VERSION, TOKENIZER_VERSION, partition, model, numerics];
  return digestOf(['pair', ...version, head, text, text_pair]);
}
