/** The most likely pieces of a text: the path with the greatest score from beginning to end (Kudo 2018). No I/O. */
import type { PutPiece } from './model.ts';

/** Positions of a path that are kept for the next word. */
const KEPT = 256;

/** Finds the best path of one word at a time. */
export interface Paths {
  /** Begins a word: paths begin at 0, with a score of 0. @param length in the unit of all positions */
  start(length: number): void;
  /** The score of the best path that ends here. */
  scoreAt(position: number): number;
  /** Extends the best path to `start` by a piece. Of equal paths, the one that was offered first stays. */
  offer(start: number, end: number, id: number, score: number): void;
  /** The pieces of the best path to the end. Adjacent unknown pieces become one. */
  trace(put: PutPiece): void;
}

export function createPaths(unk_id: number): Paths {
  // (length + 1,) for the best path that ends at each position: its score, and the start and id of its last piece.
  let scores = new Float64Array(KEPT);
  let starts = new Int32Array(KEPT);
  let ids = new Int32Array(KEPT);
  /** (length + 1,) end of the piece of the best path that begins at each position. */
  let ends = new Int32Array(KEPT);
  let length = 0;
  /** @returns the end of the unknown pieces from a position on */
  function endOfUnknown(from: number): number {
    let at = from;
    for (let end = ends[at] ?? length; at < length && ids[end] === unk_id; end = ends[at] ?? length) at = end;
    return at;
  }

  return {
    start(given) {
      length = given;
      if (length >= KEPT || scores.length > KEPT) {
        const size = Math.max(KEPT, length + 1);
        scores = new Float64Array(size);
        starts = new Int32Array(size);
        ids = new Int32Array(size);
        ends = new Int32Array(size);
      }
      scores.fill(0, 0, length + 1);
      starts.fill(-1, 0, length + 1);
      ids.fill(0, 0, length + 1);
    },

    scoreAt: (position) => scores[position] ?? 0,

    offer(start, end, id, score) {
      const total = (scores[start] ?? 0) + score;
      if (starts[end] !== -1 && !(total > (scores[end] ?? 0))) return;
      scores[end] = total;
      starts[end] = start;
      ids[end] = id;
    },

    trace(put) {
      for (let end = length; end > 0; end = starts[end] ?? 0) ends[starts[end] ?? 0] = end;
      for (let from = 0; from < length;) {
        let to = ends[from] ?? length;
        const id = ids[to] ?? unk_id;
        if (id === unk_id) to = endOfUnknown(to);
        put(id, from, to);
        from = to;
      }
    },
  };
}
