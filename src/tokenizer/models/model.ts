/** The seam between the pipeline of a tokenizer and the algorithm that finds the pieces of a word. No I/O. */

/** A piece of a word: the code units from `from` to `to`. */
export interface Piece {
  readonly id: number;
  readonly from: number;
  readonly to: number;
}

export interface Model {
  /** @param continues whether the word is the rest of a longer one */
  tokenize(word: string, continues: boolean): Piece[];
  /** One id as the vocabulary has it; undefined where it has none. */
  readonly pieceOf: (id: number) => string | undefined;
  /** A piece as it stands within a text: without the sign that it goes on in a word. */
  unmark(piece: string): string;
  /**
   * Whether a piece goes on within a word.
   * @param decoded its text
   */
  continues(piece: string, decoded: string): boolean;
}

/** Ids by piece. Looked up as they were parsed: to make a map of them would take longer than to parse them. */
export function readVocabulary(ids: Readonly<Record<string, number>>) {
  let pieces: string[] | undefined;
  return {
    idOf: (piece: string): number | undefined => (Object.hasOwn(ids, piece) ? ids[piece] : undefined),

    /** The first call turns all of them round. */
    pieceOf: (id: number): string | undefined => {
      if (!pieces) {
        pieces = [];
        for (const piece in ids) pieces[ids[piece] ?? 0] = piece;
      }
      return pieces[id];
    },
  };
}
