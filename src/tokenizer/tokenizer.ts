/** What a tokenizer does, whichever file it was read from. Types only. */
import type { Encoding } from '../inference/backend.ts';
import type { MaskedText } from './masks.ts';

/** Of what is made of a text. Whoever changes the ids or pieces of any text changes this: encodings are remembered by it. */
export const TOKENIZER_VERSION = 1;

export interface TokenizedText extends Encoding {
  /**
   * (sequence, 2) row-major: where each token begins and ends in the text as it was sent, in UTF-16 code units; 0 and 0
   * for those at both ends.
   */
  readonly offsets: Int32Array;
}

export interface Tokenizer {
  /**
   * The whole text with special tokens, however long it is.
   * @throws when the model does not see as many masks as were found in the text: a fault of its tokenizer file
   */
  encode(masked: MaskedText): TokenizedText;
  /**
   * Two texts as the two segments of one, however long they are. A mask in them is a token as any other: there are no
   * `masked_positions`. The offsets of each segment count in its own text.
   * @throws when the tokenizer file does not say how two texts are put together
   */
  encodePair(text: string, pair: string): TokenizedText;
  /**
   * The ids of a word as it stands behind a character: one within a word has other pieces than one after a blank.
   * @param before nothing at the beginning of a text
   */
  encodeTarget(target: string, before: string): number[];
  /** The text of ids, as `transformers` decodes them by themselves; nothing for those that the vocabulary lacks. */
  decode(ids: readonly number[]): string;
  /** The text of ids as they stand together within a text: without the sign that the first goes on within a word. */
  fill(ids: readonly number[]): string;
  /** One id as the vocabulary has it; nothing for one that it lacks. */
  piece(id: number): string;
  /** Whether a piece goes on within a word. A mark of punctuation is a word of its own, and so is an added token. */
  continuesWord(id: number): boolean;
  readonly unk_id: number;
}

/** A token that the pipeline must know by name. */
export interface SpecialToken {
  readonly id: number;
  readonly token: string;
}

export interface SpecialTokens {
  readonly mask: SpecialToken;
  readonly unk: SpecialToken;
}
