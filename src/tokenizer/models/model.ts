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

/** Looks up ids in the parsed object itself: copying it to a Map would take longer than parsing it. */
export function readVocabulary(ids: Readonly<Record<string, number>>) {
  let pieces: string[] | undefined;
  return {
    idOf: (piece: string): number | undefined => (Object.hasOwn(ids, piece) ? ids[piece] : undefined),

    /** The first call inverts the vocabulary. */
    pieceOf: (id: number): string | undefined => {
      if (!pieces) {
        pieces = [];
        for (const piece in ids) pieces[ids[piece] ?? 0] = piece;
      }
      return pieces[id];
    },
  };
}
