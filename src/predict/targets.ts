/**
 * Targets as whole words. A target of n pieces takes n masks in the place of one, which are filled from left to right. Its
 * probability is the product of the probabilities of its pieces, each given the pieces before it (the chain rule).
 * No I/O of its own.
 */
import type { RequestError } from '../errors.ts';
import type { Encoding, Logits } from '../inference/backend.ts';
import { MAX_TARGET_PIECES, MAX_TARGET_TOKENIZATIONS } from '../limits.ts';
import { fail, ok, type Result } from '../result.ts';
import { characterBefore, type MaskedText } from '../tokenizer/masks.ts';
import { encodeWithinLimit } from '../tokenizer/normalized-limit.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { logitsRow, type Runner, runModel } from './runs.ts';
import type { Work } from './work.ts';

/** A target at one mask. */
interface TargetWord {
  /** As it was sent; of several with the same pieces, the first. */
  readonly target: string;
  readonly ids: readonly number[];
}

/** (masks, targets) */
export type TargetWords = readonly (readonly TargetWord[])[];

/**
 * The token ids of the targets at each mask. A target has other pieces within a word than after a space, so it is tokenized
 * once for each character that precedes a mask.
 * @returns (texts, masks, targets) words, without those that have the pieces of an earlier one, or the error
 */
export function encodeTargets(
  texts: readonly MaskedText[],
  targets: readonly string[],
  tokenizer: Tokenizer,
): Result<TargetWords[], RequestError> {
  const contexts = new Set(texts.flatMap((text) => Array.from(text.masks, (_, m) => characterBefore(text, m))));
  if (contexts.size * targets.length > MAX_TARGET_TOKENIZATIONS) {
    const limit = MAX_TARGET_TOKENIZATIONS;
    return fail({ reason: 'too_many_targets', targets: targets.length, contexts: contexts.size, limit });
  }
  const known = new Map<string, TargetWord[]>();
  for (const before of contexts) {
    const words = new Map<string, TargetWord>();
    for (const target of targets) {
      const encoded = encodeWithinLimit(() => tokenizer.encodeTarget(target, before));
      if (!encoded.ok) return fail({ reason: 'target_grows_too_long', target, limit: encoded.error });
      const ids = encoded.value;
      if (ids.includes(tokenizer.unk_id)) return fail({ reason: 'target_unknown', target });
      if (ids.length === 0) return fail({ reason: 'target_empty', target });
      if (ids.length > MAX_TARGET_PIECES) {
        return fail({ reason: 'target_too_long', target, in: 'pieces', size: ids.length, limit: MAX_TARGET_PIECES });
      }
      const key = ids.join(' ');
      if (!words.has(key)) words.set(key, { target, ids });
    }
    known.set(before, [...words.values()]);
  }
  return ok(texts.map((text) => Array.from(text.masks, (_, m) => known.get(characterBefore(text, m)) ?? [])));
}

/** The tokens that a text gains when one of its masks is expanded to the longest of its targets. */
export const growthBy = (words: TargetWords): number => Math.max(1, ...words.flat().map(({ ids }) => ids.length)) - 1;

/** One text for the model, and what is read from its logits. */
export interface ModelQuery {
  readonly encoding: Encoding;
  read(logits: Logits): void;
}

/** The queries that score all targets of a text. */
export interface TargetPlan {
  /** Lazy: there may be more of them than one request is allowed. */
  readonly queries: Iterable<ModelQuery>;
  /** (masks, targets) natural logarithms, complete when every query was run. */
  readonly log_probabilities: readonly Float64Array[];
}

export function planTargetQueries(encoding: Encoding, words: TargetWords, mask_id: number): TargetPlan {
  const log_probabilities = words.map((ofMask) => new Float64Array(ofMask.length));
  return { queries: queriesOf(encoding, words, mask_id, log_probabilities), log_probabilities };
}

function* queriesOf(
  encoding: Encoding,
  words: TargetWords,
  mask_id: number,
  log_probabilities: readonly Float64Array[],
): Generator<ModelQuery> {
  /** Adds the log-probability of piece `piece`, read from row `m` of the logits, to some targets of a mask. */
  const add = (logits: Logits, m: number, mask: number, piece: number, chosen: Iterable<number>) => {
    const { row, total } = logitsRow(logits, m);
    const sums = log_probabilities[mask] as Float64Array;
    for (const w of chosen) {
      const id = words[mask]![w]!.ids[piece]!;
      sums[w] = sums[w]! + row[id]! - total;
    }
  };

  // Targets of one piece are read from one run of the unchanged text, for all masks.
  const single = words.map((ofMask) => [...ofMask.keys()].filter((w) => ofMask[w]?.ids.length === 1));
  if (single.some((ofMask) => ofMask.length > 0)) {
    yield { encoding, read: (logits) => single.forEach((chosen, m) => add(logits, m, m, 0, chosen)) };
  }
  for (const [mask, ofMask] of words.entries()) {
    // Targets of one length share the runs of a common prefix.
    const prefixes = new Map<string, { word: readonly number[]; piece: number; chosen: number[] }>();
    for (const [w, { ids: word }] of ofMask.entries()) {
      for (let piece = 0; word.length > 1 && piece < word.length; piece++) {
        const key = `${word.length}: ${word.slice(0, piece).join(' ')}`;
        const shared = prefixes.get(key);
        if (shared) shared.chosen.push(w);
        else prefixes.set(key, { word, piece, chosen: [w] });
      }
    }
    for (const { word, piece, chosen } of prefixes.values()) {
      const expanded = expandMask(encoding, mask, word, piece, mask_id);
      yield { encoding: expanded, read: (logits) => add(logits, 0, mask, piece, chosen) };
    }
  }
}

export async function runQueries(readings: readonly ModelQuery[], runner: Runner, work: Work): Promise<void> {
  const encodings = readings.map(({ encoding }) => encoding);
  await runModel(encodings, runner, work, (logits, i) => readings[i]?.read(logits));
}

/** Replaces one mask by a mask for each piece of a word, and fills the pieces before `piece`, which is predicted. */
export function expandMask(
  { input_ids, token_type_ids, masked_positions }: Encoding,
  mask: number,
  word: readonly number[],
  piece: number,
  mask_id: number,
): Encoding {
  const at = masked_positions[mask]!;
  const inPlace = word.map((id, i) => (i < piece ? id : mask_id));
  const spread = (values: Int32Array, inserted: readonly number[]) =>
    Int32Array.of(...values.subarray(0, at), ...inserted, ...values.subarray(at + 1));
  return {
    input_ids: spread(input_ids, inPlace),
    token_type_ids: spread(
      token_type_ids,
      word.map(() => token_type_ids[at]!),
    ),
    masked_positions: Int32Array.of(at + piece),
  };
}
