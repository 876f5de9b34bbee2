/** Finds pieces by their text, character by character, and texts by their id, in the tables of a file. No I/O. */
import { LEAF, NO_PIECE, type PieceTables, refuse } from './format.ts';

/** Instead of a node or an id. */
export const NONE = -1;

export interface Vocabulary {
  /** One more than the largest id. */
  readonly size: number;
  /** Code units of the longest piece. */
  readonly longest: number;
  /** The node of the empty text. */
  readonly root: number;
  /** The node of a longer text, or NONE if no piece begins so. The child of NONE is NONE. */
  readonly child: (node: number, code_point: number) => number;
  /** The id of the piece that ends at a node, or NONE. */
  readonly idAt: (node: number) => number;
  /** The node of a text, or NONE. */
  readonly find: (text: string) => number;
  /** The id of a piece, or NONE. */
  readonly idOf: (piece: string) => number;
  /** The piece of an id; undefined if no piece has it. */
  readonly pieceOf: (id: number) => string | undefined;
}

/** Its functions throw where they come upon an inconsistent table, and name it. */
export function createVocabulary({ offsets, texts, units, longest }: PieceTables): Vocabulary {
  const size = offsets.length - 1;
  const root = (units[0] ?? refuse('units is 0; a trie has a root')) >>> 8;
  const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

  function step(node: number, byte: number): number {
    if (node === NONE) return NONE;
    const unit = units[node + byte] ?? refuse(`units end before ${node + byte}`);
    return (unit & 0xff) === byte ? unit >>> 8 : NONE;
  }
  /** By the bytes of the character in UTF-8. */
  function child(node: number, point: number): number {
    if (point < 0x80) return step(node, point);
    if (point < 0x800) return step(step(node, 0xc0 | (point >> 6)), 0x80 | (point & 0x3f));
    const parent =
      point < 0x10000
        ? step(node, 0xe0 | (point >> 12))
        : step(step(node, 0xf0 | (point >> 18)), 0x80 | ((point >> 12) & 0x3f));
    return step(step(parent, 0x80 | ((point >> 6) & 0x3f)), 0x80 | (point & 0x3f));
  }
  function idAt(node: number): number {
    if (node === NONE) return NONE;
    const unit = units[node + LEAF] ?? refuse(`units end before ${node + LEAF}`);
    if ((unit & 0xff) !== LEAF) return NONE;
    const id = unit >>> 8;
    return id < size ? id : refuse(`units have piece ${id} of ${size}`);
  }
  function find(text: string): number {
    let node = root;
    for (let at = 0; at < text.length && node !== NONE;) {
      const point = text.codePointAt(at) ?? 0;
      node = child(node, point);
      at += point > 0xffff ? 2 : 1;
    }
    return node;
  }

  return {
    size,
    longest,
    root,
    child,
    idAt,
    find,
    idOf: (piece) => idAt(find(piece)),

    pieceOf(id) {
      const [start, end] = [offsets[id], offsets[id + 1]];
      if (start === undefined || end === undefined) return undefined;
      if (start > end || end > texts.length) refuse(`piece_offsets have ${start} to ${end} of ${texts.length} bytes`);
      return texts[start] === NO_PIECE && end > start ? undefined : decoder.decode(texts.subarray(start, end));
    },
  };
}
