/** Which pieces continue a word, in a vocabulary that marks the space before a piece, and in a text. No I/O. */
import type { Tokenizer } from './tokenizer.ts';

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
 * In a text, a piece that may continue a word does so unless it follows punctuation.
 * @returns a function that says whether the token at a position belongs to the word of the token before it
 */
export function continuationsIn(
  ids: Int32Array,
  { continuesWord: mayContinue, decode }: Pick<Tokenizer, 'continuesWord' | 'decode'>,
): (position: number) => boolean {
  return (position) => mayContinue(ids[position]!) && ENDS_IN_WORD.test(decode([ids[position - 1]!]));
}
