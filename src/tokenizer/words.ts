/** Which pieces continue a word, in a vocabulary that marks the space before a piece, and in a text. No I/O. */
import type { Tokens } from './post-processors/create-post-processor.ts';
import type { TokenizedText } from './tokenizer.ts';

/** What is known of pieces, and of the pre-tokenizer. */
interface Reading {
  readonly continuesWord: (id: number) => boolean;
  readonly decode: (id: number) => string;
  /** Whether the words of the pre-tokenizer are those of the text. */
  readonly isByWords: boolean;
}

/** SentencePiece's sign for a space. */
export const METASPACE = '\u2581';
const OF_WORD = /^[\p{L}\p{N}\p{M}]/u;
const ENDS_IN_WORD = /[\p{L}\p{N}\p{M}\ufffd]$/u;
/** The bytes of an incomplete character are decoded to this. */
export const PART = '\ufffd';

/**
 * Punctuation is a word of its own.
 * @param decoded the text of the piece
 * @param signs for a space
 */
export function continuesWord(piece: string, decoded: string, signs: readonly string[]): boolean {
  if (signs.some((sign) => piece.startsWith(sign))) return false;
  return OF_WORD.test(decoded) || (decoded.startsWith(PART) && !piece.startsWith(PART));
}

/**
 * Finds the words of a text. Where the pre-tokenizer has words of letters, digits or other signs, these are its words. Elsewhere a
 * piece that may continue a word does so unless it follows punctuation.
 * @param parts the tokens of the encoding, with the words of the pre-tokenizer
 * @returns (sequence,) 1 for a token that begins a word
 */
export function findBeginnings(
  { input_ids, offsets }: Pick<TokenizedText, 'input_ids' | 'offsets'>,
  text: string,
  parts: readonly Tokens[],
  { continuesWord: mayContinue, decode, isByWords }: Reading,
): Uint8Array {
  const begins = new Uint8Array(input_ids.length);
  let from = 0;
  for (const { ids, words } of parts) {
    for (const at of words) begins[from + at] = 1;
    from += ids.length;
  }
  if (isByWords) return begins;
  /** A piece with a part of a character stands for all of it. */
  const textOf = (at: number) => {
    const decoded = decode(input_ids[at]!);
    return decoded.includes(PART) ? text.slice(offsets[2 * at], offsets[2 * at + 1]) : decoded;
  };
  const continues = (at: number) => {
    const beginsWithPart = decode(input_ids[at]!).startsWith(PART);
    if (beginsWithPart && offsets[2 * at]! < offsets[2 * at - 1]!) return true;
    if (!mayContinue(input_ids[at]!) || !ENDS_IN_WORD.test(textOf(at - 1))) return false;
    return !beginsWithPart || OF_WORD.test(textOf(at));
  };
  for (let at = 1; at < begins.length; at++) {
    if (begins[at] === 0 && !continues(at)) begins[at] = 1;
  }
  return begins;
}
