/** Which pieces go on within a word, in a vocabulary that has a sign for the blank before one. No I/O. */

/** What SentencePiece writes for a blank. */
export const BLANK_SIGN = '\u2581';
const OF_WORD = /^[\p{L}\p{N}\p{M}]/u;
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
