/** The included running texts, encoded by a checkpoint's tokenizer, with masks. Reads files. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Encoding } from '../../src/inference/backend.ts';
import { createTokenizer } from '../../src/tokenizer/create-tokenizer.ts';
import type { FoundTokenizer } from '../tokenizer/files.ts';
import { sample, seeded } from './random.ts';

const FOLDER = join(import.meta.dirname, '../text');
/** For `convert`, which uses it to choose outlier channels. */
export const CALIBRATION_TEXT = join(FOLDER, 'calibration.txt');
/** For `measure`: no sentence is in both files. */
export const HELD_OUT_TEXT = join(FOLDER, 'held-out.txt');

/** A text with a larger share of unknown tokens tells nothing about a model. */
export const MAX_UNKNOWN = 0.2;
/** The least number of tokens for calibration. */
export const MIN_TOKENS = 256;

/** Every token is masked in one of this many copies of its paragraph: 14 % of each copy. */
const COPIES = 7;

interface RunningText {
  readonly encodings: Encoding[];
  readonly tokens: number;
  /** Share of the tokens that are not in the vocabulary. */
  readonly unknown: number;
}

/**
 * @param file with one paragraph per line
 * @param positions the longest text for the model, in tokens; the rest of a paragraph is dropped
 * @param copies of each paragraph, up to COPIES
 */
export async function readRunningText(
  file: string,
  { packed, special_tokens }: FoundTokenizer,
  positions: number,
  copies = COPIES,
): Promise<RunningText> {
  const tokenizer = createTokenizer(packed, special_tokens);
  const random = seeded(1);
  const encodings: Encoding[] = [];
  let [tokens, unknown] = [0, 0];
  for (const paragraph of (await readFile(file, 'utf8')).split('\n').filter((line) => line.trim() !== '')) {
    const { input_ids: all } = tokenizer.encode({ text: paragraph, masks: [] });
    const ids = all.length > positions ? Int32Array.of(...all.subarray(0, positions - 1), all.at(-1) ?? 0) : all;
    const places = Array.from(ids.keys()).slice(1, -1);
    tokens += places.length;
    unknown += places.filter((place) => ids[place] === tokenizer.unk_id).length;
    const shuffled = sample(places, Infinity, random);
    for (let copy = 0; copy < copies; copy++) {
      const masked_positions = Int32Array.from(shuffled.filter((_, i) => i % COPIES === copy)).toSorted();
      if (masked_positions.length === 0) continue;
      const input_ids = ids.slice();
      for (const position of masked_positions) input_ids[position] = special_tokens.mask.id;
      encodings.push({ input_ids, token_type_ids: new Int32Array(ids.length), masked_positions });
    }
  }
  return { encodings, tokens, unknown: tokens === 0 ? 1 : unknown / tokens };
}
