/** The interface of a tokenizer, whatever file it was created from. Types only. */
import type { Encoding } from '../inference/backend.ts';
import type { MaskedText } from './masks.ts';

/** Change this number whenever the ids or pieces of any text change: cached encodings depend on it. */
export const TOKENIZER_VERSION = 2;

export interface TokenizedText extends Encoding {
  /**
   * (sequence, 2) row-major: start and end of each token in the original text, in UTF-16 code units. Both are 0 for the
   * special tokens at the two ends.
   */
  readonly offsets: Int32Array;
}

export interface WordedText extends TokenizedText {
  /** (sequence,) 1 for a token that begins a word, 0 for one that continues the word of the token before it. */
  readonly begins: Uint8Array;
}

export interface Tokenizer {
  /**
   * Encodes the whole text with special tokens, without a limit. `masked_positions` are the masks that the tokenizer finds: fewer than the text
   * has where it reads one as something else, such as a mask that has to be a word of its own beside a letter.
   */
  encode(masked: MaskedText): TokenizedText;
  /** The same ids and masks in about half the time, without the offsets. */
  encodeIds(masked: MaskedText): Encoding;
  /** As `encode`, for a text without masks, with its words. Punctuation is no part of a word of letters. */
  encodeWords(text: string): WordedText;
  /**
   * Encodes two texts as two segments, without a limit. A mask in them is an ordinary token: there are no
   * `masked_positions`. The offsets of each segment refer to its own text.
   * @throws when the tokenizer file does not say how to join two texts
   */
  encodePair(text: string, pair: string): TokenizedText;
  /**
   * Encodes a word that follows a character: it has other pieces within a word than after a space.
   * @param before empty at the beginning of a text
   */
  encodeTarget(target: string, before: string): number[];
  /** The text of ids, as `transformers` decodes them alone. An id outside the vocabulary has no text. */
  decode(ids: readonly number[]): string;
  /** The text of ids within a text: without the sign that the first of them continues a word. */
  fill(ids: readonly number[]): string;
  /** The piece of an id, as the vocabulary spells it. An id outside the vocabulary has no piece. */
  piece(id: number): string;
  /** Whether a piece continues a word. Punctuation and added tokens are words of their own. */
  continuesWord(id: number): boolean;
  readonly unk_id: number;
}

/** A special token that the pipelines need by name. */
export interface SpecialToken {
  readonly id: number;
  readonly token: string;
}

export interface SpecialTokens {
  readonly mask: SpecialToken;
  readonly unk: SpecialToken;
}
