/** The interface between a tokenizer and the algorithm that finds the pieces of a word. No I/O. */

/** A piece of a word: the code units from `from` to `to`. */
export interface Piece {
  readonly id: number;
  readonly from: number;
  readonly to: number;
}

export interface Model {
  /** @param continues whether the word is the rest of a longer word */
  tokenize(word: string, continues: boolean): Piece[];
  /** The piece of an id as the vocabulary spells it; undefined for an id outside the vocabulary. */
  readonly pieceOf: (id: number) => string | undefined;
  /** A piece within a text: without the sign that it continues a word. */
  unmark(piece: string): string;
  /**
   * Whether a piece continues a word.
   * @param decoded the text of the piece
   */
  continues(piece: string, decoded: string): boolean;
}
