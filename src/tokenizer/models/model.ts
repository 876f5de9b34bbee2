/** The interface between a tokenizer and the algorithm that finds the pieces of a word. No I/O. */

/** Gets the pieces of a word in order: each is the code units from `from` to `to`. */
export type PutPiece = (id: number, from: number, to: number) => void;

export interface Model {
  /**
   * Takes time linear in the length of the word, or n log n for BPE, and makes no object for a piece.
   * @param continues whether the word is the rest of a longer word
   */
  tokenize(word: string, continues: boolean, put: PutPiece): void;
  /** The piece of an id as the vocabulary spells it; undefined for an id outside the vocabulary. */
  readonly pieceOf: (id: number) => string | undefined;
  /** The id of a piece as the vocabulary spells it, or NONE. */
  readonly idOf: (piece: string) => number;
  /** A piece within a text: without the sign that it continues a word. */
  unmark(piece: string): string;
  /**
   * Whether a piece continues a word.
   * @param decoded the text of the piece
   */
  continues(piece: string, decoded: string): boolean;
}
