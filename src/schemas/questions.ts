/** The inputs of the pipelines: validated requests with their defaults filled in. Types only. */
import type { Metric } from './score.ts';
import type { Pair, SentenceHead } from './sentence.ts';

export interface FillMaskQuestion {
  readonly texts: readonly string[];
  /** Whether the texts were sent as a list. If so, an error names the index of its text. */
  readonly isList: boolean;
  /** Maximum number of candidates for each mask, or of combinations; at least 1. */
  readonly top_k: number;
  /** Scores only these words, each as if it replaced the mask. */
  readonly targets?: readonly string[];
  readonly strategy: 'independent' | 'joint';
  /** Lists only pieces with a letter or a digit, and no special tokens. */
  readonly filter?: 'words';
  /** Also searches words of several pieces. */
  readonly whole_words?: true;
  /** Partial combinations or words that a search keeps at each step. Set for each search, and wherever it was sent. */
  readonly num_beams?: number;
  /** Whether candidates carry the offsets of their masks. */
  readonly return_offsets: boolean;
  /** Whether a text that is too long is truncated around its masks. */
  readonly truncation: boolean;
  /** Maximum bytes of all sequences of the answer, as JSON escapes them. */
  readonly max_answer_bytes: number;
}

export interface ScoreQuestion {
  readonly texts: readonly string[];
  readonly isList: boolean;
  readonly metric: Metric;
}

export interface SentenceQuestion<Head extends SentenceHead> {
  readonly head: Head;
  readonly pairs: readonly Pair[];
  readonly isList: boolean;
}
