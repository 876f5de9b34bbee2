/** The most likely pieces of a text: the path with the greatest score from beginning to end (Kudo 2018). No I/O. */
import type { Piece } from './model.ts';

export interface Paths {
  /** The score of the best path that ends here. Paths begin at 0, with a score of 0. */
  scoreAt(position: number): number;
  /** Extends the best path to `start` by a piece. Of equal paths, the one that was offered first stays. */
  offer(start: number, end: number, id: number, score: number): void;
  /** The pieces of the best path to the end. Adjacent unknown pieces become one. */
  trace(): Piece[];
}

/** @param length of the text, in the unit of all positions */
export function createPaths(length: number, unk_id: number): Paths {
  // (length + 1,) for the best path that ends at each position: its score, and the start and id of its last piece.
  const scores = new Float64Array(length + 1);
  const starts = new Int32Array(length + 1).fill(-1);
  const ids = new Int32Array(length + 1);
  return {
    scoreAt: (position) => scores[position] ?? 0,

    offer(start, end, id, score) {
      const total = (scores[start] ?? 0) + score;
      if (starts[end] !== -1 && !(total > (scores[end] ?? 0))) return;
      scores[end] = total;
      starts[end] = start;
      ids[end] = id;
    },

    trace() {
      const pieces: Piece[] = [];
      for (let end = length; end > 0; end = starts[end] ?? 0) {
        const id = ids[end] ?? unk_id;
        const start = starts[end] ?? 0;
        const after = pieces.at(-1);
        if (id === unk_id && after?.id === unk_id) pieces[pieces.length - 1] = { id, from: start, to: after.to };
        else pieces.push({ id, from: start, to: end });
      }
      return pieces.toReversed();
    },
  };
}
