/**
 * Byte-pair encoding: merges adjacent pieces of a word, those first that training merged first (Sennrich 2016). No I/O.
 */
import { BYTE_LEVEL_SPACE } from '../pre-tokenizers/byte-level.ts';
import type { ModelOf } from '../tokenizer-json.ts';
import type { Merges } from '../vocabulary/merges.ts';
import { NONE, type Vocabulary } from '../vocabulary/vocabulary.ts';
import { METASPACE, continuesWord } from '../words.ts';
import { createHeap } from './heap.ts';
import type { Model, Piece } from './model.ts';

/**
 * A piece that may still be merged: an element of a linked list, with the indices of its neighbours, −1 for none. The id of a
 * part that was merged into the one before it is NONE.
 */
interface Part {
  id: number;
  from: number;
  to: number;
  previous: number;
  next: number;
}

/** More than the characters of any word: `rank * PLACES + place` sorts by rank, then by place. */
const PLACES = 2 ** 28;

export function createBpe(json: ModelOf<'BPE'>, vocabulary: Vocabulary, { rankOf, mergedBy }: Merges): Model {
  const { pieceOf, idOf } = vocabulary;
  const unk_id = json.unk_token == null ? NONE : idOf(json.unk_token);

  /** One part for each character. An unknown character becomes `unk_token`, or is dropped if there is none. */
  function partsOf(word: string): Part[] {
    const parts: Part[] = [];
    let isAfterUnknown = false;
    let from = 0;
    for (const text of word) {
      const known = idOf(text);
      const isUnknown = known === NONE;
      const id = isUnknown ? unk_id : known;
      if (id === NONE) continue;
      const to = from + text.length;
      const last = parts.at(-1);
      if (last && isUnknown && isAfterUnknown && json.fuse_unk) last.to = to;
      else {
        const i = parts.length;
        if (last) last.next = i;
        parts.push({ id, from, to, previous: i - 1, next: -1 });
      }
      isAfterUnknown = isUnknown;
      from = to;
    }
    return parts;
  }

  /** Takes O(n log n) time for a word of n characters. */
  function merge(parts: readonly Part[]): Piece[] {
    const candidates = createHeap();
    const rankAt = (left: Part | undefined): number => {
      const right = left && parts[left.next];
      return right && left.id !== NONE ? rankOf(left.id, right.id) : NONE;
    };
    const offer = (at: number) => {
      const rank = rankAt(parts[at]);
      if (rank !== NONE) candidates.push(rank * PLACES + at);
    };
    for (const at of parts.keys()) offer(at);
    for (let best = candidates.pop(); best !== undefined; best = candidates.pop()) {
      const at = best % PLACES;
      const left = parts[at];
      const right = left && parts[left.next];
      const rank = rankAt(left);
      const merged_id = mergedBy((best - at) / PLACES);
      // One of the two may have been merged with another part since.
      if (!right || rank === NONE || mergedBy(rank) !== merged_id) continue;
      left.id = merged_id;
      left.to = right.to;
      left.next = right.next;
      right.id = NONE;
      const after = parts[right.next];
      if (after) after.previous = at;
      offer(left.previous);
      offer(at);
    }
    return parts.filter(({ id }) => id !== NONE);
  }

  return {
    pieceOf,
    unmark: (piece) => piece,
    continues: (piece, decoded) => continuesWord(piece, decoded, [BYTE_LEVEL_SPACE, METASPACE]),

    tokenize(word) {
      const whole = json.ignore_merges ? idOf(word) : NONE;
      return whole === NONE ? merge(partsOf(word)) : [{ id: whole, from: 0, to: word.length }];
    },
  };
}
