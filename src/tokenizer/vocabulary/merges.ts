/** Looks up the merges of a BPE in the tables of a file. No I/O. */
import { type MergeTables, refuse } from './format.ts';
import { NONE } from './vocabulary.ts';

export interface Merges {
  /** The rank of the merge of two adjacent pieces, or NONE. */
  readonly rankOf: (left_id: number, right_id: number) => number;
  /** The piece that the merge of a rank makes. */
  readonly mergedBy: (rank: number) => number;
}

/**
 * Its functions throw where they come upon an inconsistent table, and name it.
 * @param size one more than the largest id
 */
export function createMerges({ offsets, rights, ranks, merged_ids }: MergeTables, size: number): Merges {
  return {
    rankOf(left_id, right_id) {
      // Binary search in the merges of the left piece.
      let low = offsets[left_id] ?? 0;
      let high = offsets[left_id + 1] ?? 0;
      while (low < high) {
        const middle = (low + high) >>> 1;
        const id = rights[middle] ?? refuse(`merge_offsets have ${high} of ${rights.length} merges`);
        if (id === right_id) return ranks[middle] ?? NONE;
        if (id < right_id) low = middle + 1;
        else high = middle;
      }
      return NONE;
    },

    mergedBy(rank) {
      const id = merged_ids[rank] ?? refuse(`merge_ranks have ${rank} of ${merged_ids.length} merges`);
      return id < size ? id : refuse(`merged_ids have piece ${id} of ${size}`);
    },
  };
}
