/**
 * Byte-pair encoding: merges adjacent pieces of a word, those first that training merged first (Sennrich 2016). No I/O.
 */
import { BYTE_LEVEL_SPACE } from '../pre-tokenizers/byte-level.ts';
import type { ModelOf } from '../tokenizer-json.ts';
import { createHeap } from './heap.ts';
import { type Model, type Piece, readVocabulary } from './model.ts';
import { METASPACE, continuesWord } from '../words.ts';

/** A piece that may still be merged: an element of a linked list, with the indices of its neighbours, −1 for none. */
interface Part {
  text: string;
  id: number;
  from: number;
  to: number;
  previous: number;
  next: number;
}

/** More than the characters of any word: `rank * PLACES + place` sorts by rank, then by place. */
const PLACES = 2 ** 28;

export function createBpe(json: ModelOf<'BPE'>): Model {
  const { idOf, pieceOf } = readVocabulary(json.vocab);
  const ranks = new Map<string, number>();
  let next = 0;
  for (const pair of json.merges) ranks.set(typeof pair === 'string' ? pair : `${pair[0]} ${pair[1]}`, next++);
  const unk_id = json.unk_token == null ? undefined : idOf(json.unk_token);

  /** The piece that the merge of this rank creates. */
  function mergedBy(rank: number): string | undefined {
    const pair = json.merges[rank];
    return typeof pair === 'string' ? pair.replace(' ', '') : pair?.join('');
  }

  /** One part for each character. An unknown character becomes `unk_token`, or is dropped if there is none. */
  function partsOf(word: string): Part[] {
    const parts: Part[] = [];
    let isAfterUnknown = false;
    let from = 0;
    for (const text of word) {
      const known = idOf(text);
      const isUnknown = known === undefined;
      const id = known ?? unk_id;
      if (id === undefined) continue;
      const to = from + text.length;
      const last = parts.at(-1);
      if (last && isUnknown && isAfterUnknown && json.fuse_unk) last.to = to;
      else {
        const i = parts.length;
        if (last) last.next = i;
        parts.push({ text: isUnknown ? (json.unk_token ?? '') : text, id, from, to, previous: i - 1, next: -1 });
      }
      isAfterUnknown = isUnknown;
      from = to;
    }
    return parts;
  }

  /** Takes O(n log n) time for a word of n characters. */
  function merge(parts: readonly Part[]): Piece[] {
    const candidates = createHeap();
    const offer = (left: Part | undefined, at: number) => {
      const right = left && parts[left.next];
      const rank = right && ranks.get(`${left.text} ${right.text}`);
      if (rank !== undefined) candidates.push(rank * PLACES + at);
    };
    for (const [at, part] of parts.entries()) offer(part, at);
    for (let best = candidates.pop(); best !== undefined; best = candidates.pop()) {
      const at = best % PLACES;
      const left = parts[at];
      const right = left && parts[left.next];
      const isMerge = right && left.text !== '' && ranks.has(`${left.text} ${right.text}`);
      // One of the two may have been merged with another part since.
      if (!isMerge || left.text + right.text !== mergedBy((best - at) / PLACES)) continue;
      left.text += right.text;
      left.id = idOf(left.text) ?? refuseMerge(left.text);
      left.to = right.to;
      left.next = right.next;
      right.text = '';
      const after = parts[right.next];
      if (after) after.previous = at;
      offer(parts[left.previous], left.previous);
      offer(left, at);
    }
    return parts.filter(({ text }) => text !== '');
  }

  return {
    pieceOf,
    unmark: (piece) => piece,
    continues: (piece, decoded) => continuesWord(piece, decoded, [BYTE_LEVEL_SPACE, METASPACE]),

    tokenize(word) {
      const whole = json.ignore_merges ? idOf(word) : undefined;
      return whole === undefined ? merge(partsOf(word)) : [{ id: whole, from: 0, to: word.length }];
    },
  };
}

function refuseMerge(text: string): never {
  throw new Error(`tokenizer.json: model.merges makes ${text}, which model.vocab lacks`);
}
