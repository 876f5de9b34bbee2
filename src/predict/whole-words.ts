/**
 * Targets as whole words: one of n pieces stands in n masks in the place of one, which are filled left to right, and its
 * probability is the product of those of its pieces, each given the ones before it (the chain rule). No I/O of its own.
 */
import type { Backend, Encoding, Logits } from '../inference/backend.ts';
import type { Work } from '../work.ts';
import { rowOf, run } from './runs.ts';

/** (masks, words of a mask) the ids of the pieces of each word. */
export type Words = readonly (readonly (readonly number[])[])[];

/** A run of the model, and which probabilities are read from it. */
export interface Reading {
  readonly encoding: Encoding;
  read(logits: Logits): void;
}

/** What is asked of the model to score words. */
export interface WordPlan {
  /** Made one by one, as there may be more of them than are allowed. */
  readonly readings: Iterable<Reading>;
  /** (masks, words) natural logarithms, complete when all is read. */
  readonly log_probabilities: readonly Float64Array[];
}

export function planWords(encoding: Encoding, words: Words, mask_id: number): WordPlan {
  const log_probabilities = words.map((ofMask) => new Float64Array(ofMask.length));
  return { readings: readingsOf(encoding, words, mask_id, log_probabilities), log_probabilities };
}

function* readingsOf(
  encoding: Encoding,
  words: Words,
  mask_id: number,
  log_probabilities: readonly Float64Array[],
): Generator<Reading> {
  /** Adds what row `m` of the logits says of piece `piece` of some words for a mask. */
  const add = (logits: Logits, m: number, mask: number, piece: number, chosen: Iterable<number>) => {
    const { row, total } = rowOf(logits, m);
    const sums = log_probabilities[mask] as Float64Array;
    for (const w of chosen) {
      const id = words[mask]?.[w]?.[piece] as number;
      sums[w] = (sums[w] as number) + (row[id] as number) - total;
    }
  };

  // Single pieces of all masks are read from one run of the text as it is.
  const single = words.map((ofMask) => [...ofMask.keys()].filter((w) => ofMask[w]?.length === 1));
  if (single.some((ofMask) => ofMask.length > 0)) {
    yield { encoding, read: (logits) => single.forEach((chosen, m) => add(logits, m, m, 0, chosen)) };
  }
  for (const [mask, ofMask] of words.entries()) {
    // Words that begin alike and are of one length share the runs for what they have in common.
    const prefixes = new Map<string, { word: readonly number[]; piece: number; chosen: number[] }>();
    for (const [w, word] of ofMask.entries()) {
      for (let piece = 0; word.length > 1 && piece < word.length; piece++) {
        const key = `${word.length}: ${word.slice(0, piece).join(' ')}`;
        const shared = prefixes.get(key);
        if (shared) shared.chosen.push(w);
        else prefixes.set(key, { word, piece, chosen: [w] });
      }
    }
    for (const { word, piece, chosen } of prefixes.values()) {
      const widened = widen(encoding, mask, word, piece, mask_id);
      yield { encoding: widened, read: (logits) => add(logits, 0, mask, piece, chosen) };
    }
  }
}

export async function readWords(readings: readonly Reading[], backend: Backend, work: Work): Promise<void> {
  const encodings = readings.map(({ encoding }) => encoding);
  await run(encodings, backend, work, (logits, i) => readings[i]?.read(logits));
}

/** The text with one mask as wide as a word, filled up to a piece, which is asked for. */
function widen(
  { input_ids, token_type_ids, masked_positions }: Encoding,
  mask: number,
  word: readonly number[],
  piece: number,
  mask_id: number,
): Encoding {
  const at = masked_positions[mask] as number;
  const inPlace = word.map((id, i) => (i < piece ? id : mask_id));
  const spread = (values: Int32Array, inserted: readonly number[]) =>
    Int32Array.of(...values.subarray(0, at), ...inserted, ...values.subarray(at + 1));
  return {
    input_ids: spread(input_ids, inPlace),
    token_type_ids: spread(
      token_type_ids,
      word.map(() => token_type_ids[at] as number),
    ),
    masked_positions: Int32Array.of(at + piece),
  };
}
