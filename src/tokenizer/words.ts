/** Which pieces go on within a word, in a vocabulary that has a sign for the blank before one, and in a text. No I/O. */
import type { Tokenizer } from './tokenizer.ts';

/** What SentencePiece writes for a blank. */
export const METASPACE = '\u2581';
const OF_WORD = /^[\p{L}\p{N}\p{M}]/u;
const ENDS_IN_WORD = /[\p{L}\p{N}\p{M}\ufffd]$/u;
/** What the bytes of a part of a character are decoded to. */
const PART = '\ufffd';

/**
 * A mark of punctuation is a word of its own.
 * @param decoded the text of the piece
 * @param signs of a blank
 */
export function continuesWord(piece: string, decoded: string, signs: readonly string[]): boolean {
  if (signs.some((sign) => piece.startsWith(sign))) return false;
  return OF_WORD.test(decoded) || (decoded.startsWith(PART) && !piece.startsWith(PART));
}

/**
 * In a text: a piece that may go on within a word does so unless a mark of punctuation stands before it.
 * @returns whether the token at a position is of the same word as the one before it
 */
export function continuationsIn(
  ids: Int32Array,
  { continuesWord: mayContinue, decode }: Pick<Tokenizer, 'continuesWord' | 'decode'>,
): (position: number) => boolean {
  return (position) => mayContinue(ids[position]!) && ENDS_IN_WORD.test(decode([ids[position - 1]!]));
}
