/** Target words as the ids of their pieces. No I/O. */
import { MAX_TARGET_PIECES, MAX_TARGET_READINGS } from '../limits.ts';
import { fail, ok, type Result } from '../result.ts';
import { characterBefore, type MaskedText } from '../tokenizer/masks.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Unanswerable } from '../unanswerable.ts';
import type { Words } from './whole-words.ts';

/** For each text, for each mask, the pieces of the targets, each once: a word has others after a blank than within a word. */
export function encodeTargets(
  texts: readonly MaskedText[],
  targets: readonly string[],
  tokenizer: Tokenizer,
): Result<Words[], Unanswerable> {
  const places = new Set(texts.flatMap((text) => Array.from(text.masks, (_, m) => characterBefore(text, m))));
  if (places.size * targets.length > MAX_TARGET_READINGS) {
    const limit = MAX_TARGET_READINGS;
    return fail({ reason: 'too_many_targets', targets: targets.length, places: places.size, limit });
  }
  const known = new Map<string, number[][]>();
  for (const before of places) {
    const words = new Map<string, number[]>();
    for (const target of targets) {
      const word = tokenizer.encodeTarget(target, before);
      if (word.includes(tokenizer.unk_id)) return fail({ reason: 'target_unknown', target });
      if (word.length === 0) return fail({ reason: 'target_empty', target });
      if (word.length > MAX_TARGET_PIECES) {
        return fail({ reason: 'target_too_long', target, in: 'pieces', size: word.length, limit: MAX_TARGET_PIECES });
      }
      words.set(word.join(' '), word);
    }
    known.set(before, [...words.values()]);
  }
  return ok(texts.map((text) => Array.from(text.masks, (_, m) => known.get(characterBefore(text, m)) ?? [])));
}

/** By how many tokens a text grows when one of its masks makes place for the longest of its words. */
export const growthBy = (words: Words): number => Math.max(1, ...words.flat().map((word) => word.length)) - 1;
