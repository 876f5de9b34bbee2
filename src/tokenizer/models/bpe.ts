/**
 * Byte-pair encoding: merges adjacent pieces of a word, those first that training merged first (Sennrich 2016). No I/O.
 */
import { BYTE_LEVEL_SPACE } from '../pre-tokenizers/byte-level.ts';
import type { ModelOf } from '../tokenizer-json.ts';
import type { Merges } from '../vocabulary/merges.ts';
import { NONE, type Vocabulary } from '../vocabulary/vocabulary.ts';
import { METASPACE, continuesWord } from '../words.ts';
import { createHeap } from './heap.ts';
import type { Model } from './model.ts';

/** Parts of a word that are kept for the next one. */
const KEPT = 256;

/**
 * The pieces of a word that may still be merged: a linked list in columns. The id of a part that was merged into the one before
 * it is NONE, like the neighbours of the first and the last part.
 */
function createParts(size: number) {
  const column = () => new Int32Array(size);
  return { size, ids: column(), froms: column(), tos: column(), previous: column(), next: column() };
}

/** More than the characters of any word: `rank * PLACES + place` sorts by rank, then by place. */
const PLACES = 2 ** 28;

export function createBpe(json: ModelOf<'BPE'>, vocabulary: Vocabulary, { rankOf, mergedBy }: Merges): Model {
  const { root, child, idAt, pieceOf, idOf } = vocabulary;
  const unk_id = json.unk_token == null ? NONE : idOf(json.unk_token);

  let parts = createParts(KEPT);
  const candidates = createHeap();

  /**
   * One part for each character. An unknown character becomes `unk_token`, or is dropped if there is none.
   * @returns the number of parts
   */
  function divide(word: string): number {
    if (word.length > parts.size || parts.size > KEPT) parts = createParts(Math.max(KEPT, word.length));
    const { ids, froms, tos, previous, next } = parts;
    let count = 0;
    let isAfterUnknown = false;
    let from = 0;
    for (let at = 0; at < word.length;) {
      const point = word.codePointAt(at) ?? 0;
      const length = point > 0xffff ? 2 : 1;
      at += length;
      const known = idAt(child(root, point));
      const isUnknown = known === NONE;
      const id = isUnknown ? unk_id : known;
      if (id === NONE) continue;
      const to = from + length;
      if (count > 0 && isUnknown && isAfterUnknown && json.fuse_unk) tos[count - 1] = to;
      else {
        ids[count] = id;
        froms[count] = from;
        tos[count] = to;
        previous[count] = count - 1;
        next[count] = NONE;
        if (count > 0) next[count - 1] = count;
        count++;
      }
      isAfterUnknown = isUnknown;
      from = to;
    }
    return count;
  }

  /** Takes O(n log n) time for n parts. */
  function merge(count: number): void {
    const { ids, tos, previous, next } = parts;
    const rankAt = (left: number): number => {
      if (left === NONE || ids[left] === NONE) return NONE;
      const right = next[left] ?? NONE;
      return right === NONE ? NONE : rankOf(ids[left] ?? NONE, ids[right] ?? NONE);
    };
    const offer = (at: number) => {
      const rank = rankAt(at);
      if (rank !== NONE) candidates.push(rank * PLACES + at);
    };
    // The word before this one may have ended with an error.
    candidates.clear();
    for (let at = 0; at < count; at++) offer(at);
    for (let best = candidates.pop(); best !== undefined; best = candidates.pop()) {
      const at = best % PLACES;
      const rank = rankAt(at);
      const merged_id = mergedBy((best - at) / PLACES);
      // One of the two may have been merged with another part since.
      if (rank === NONE || mergedBy(rank) !== merged_id) continue;
      const right = next[at] ?? NONE;
      const after = next[right] ?? NONE;
      ids[at] = merged_id;
      tos[at] = tos[right] ?? 0;
      next[at] = after;
      ids[right] = NONE;
      if (after !== NONE) previous[after] = at;
      offer(previous[at] ?? NONE);
      offer(at);
    }
  }

  return {
    pieceOf,
    idOf,
    unmark: (piece) => piece,
    continues: (piece, decoded) => continuesWord(piece, decoded, [BYTE_LEVEL_SPACE, METASPACE]),

    tokenize(word, _, put) {
      const whole = json.ignore_merges ? idOf(word) : NONE;
      if (whole !== NONE) return put(whole, 0, word.length);
      const count = divide(word);
      if (count === 0) return;
      merge(count);
      const { ids, froms, tos, next } = parts;
      for (let at = 0; at !== NONE; at = next[at] ?? NONE) put(ids[at] ?? NONE, froms[at] ?? 0, tos[at] ?? 0);
    },
  };
}
