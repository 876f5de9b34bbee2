/** Compares a checkpoint as read here with `transformers`. Reads files, runs Python. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createTokenizer } from '../../src/tokenizer/create-tokenizer.ts';
import { findMasks } from '../../src/tokenizer/masks.ts';
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { type Checkpoint, readCheckpoint } from '../build/build.ts';
import { buildGraph } from '../onnx/encoder.ts';
import { onnxBackend } from './backends.ts';
import { askReference, type Reference } from './reference.ts';

/** Tolerance for float32 sums in another order than PyTorch's. */
export const TOLERANCE = 1e-3;

export interface Comparison {
  readonly transformers: string;
  /** The chosen tokenizer class. */
  readonly tokenizer: string;
  readonly texts: number;
  /** Of the texts, how many had offsets to compare: those whose masks are spelled as the tokenizer spells them. */
  readonly offsets: number;
  readonly masks: number;
  /** The largest difference of a logit among the first choices of either. */
  readonly largest: number;
  /** The first difference, in words. */
  readonly difference: string | undefined;
  /** First choices that differ although no logit differs by more than the tolerance, in words: nearly a tie. */
  readonly ties: readonly string[];
}

/** A checkpoint, and the texts to compare instead of the probes. */
export interface Compared {
  /** An id, or the path of a folder. */
  readonly model: string;
  readonly texts?: readonly string[];
}

/**
 * @param compared all go through one Python
 * @param python with transformers and torch
 * @throws if one of the two cannot read a checkpoint
 */
export async function compare(compared: readonly Compared[], python: string): Promise<Comparison[]> {
  const ours = await Promise.all(compared.map(prepare));
  const { transformers, answers } = await askReference(
    python,
    ours.map(({ folder, texts }) => ({ folder, texts })),
  );
  const found: Comparison[] = [];
  for (const [i, prepared] of ours.entries()) {
    const answer = answers[i];
    if (!answer || 'error' in answer) {
      throw new Error(`transformers ${transformers} cannot read ${prepared.folder}: ${answer?.error}`);
    }
    found.push({ transformers, ...(await compareTexts(prepared, answer)) });
  }
  return found;
}

interface Prepared {
  readonly folder: string;
  readonly checkpoint: Checkpoint;
  readonly encoder: Tokenizer;
  readonly texts: readonly string[];
}

async function prepare({ model, texts }: Compared): Promise<Prepared> {
  const checkpoint = await readCheckpoint(model);
  const { packed, special_tokens } = checkpoint.tokenizer;
  const encoder = createTokenizer(packed, special_tokens);
  const limit = checkpoint.weights.config.max_position_embeddings;
  const probes = texts ?? (JSON.parse(await readFile(join(import.meta.dirname, '../probes.json'), 'utf8')) as string[]);
  const short = probes.filter(
    (text) => encoder.encode(findMasks(text, special_tokens.mask.token)).input_ids.length <= limit,
  );
  return { folder: checkpoint.folder, checkpoint, encoder, texts: short };
}

/** A difference in words. */
function sentence(text: string, what: string, ours: string, theirs: string): string {
  return `${JSON.stringify(text)}: ${what}: ${ours} here, ${theirs} in transformers`;
}

async function compareTexts(
  { checkpoint, encoder, texts }: Prepared,
  answer: Exclude<Reference['answers'][number], { error: string }>,
): Promise<Omit<Comparison, 'transformers'>> {
  const { weights, tokenizer } = checkpoint;
  const mask = tokenizer.special_tokens.mask.token;
  const backend = await onnxBackend(buildGraph(weights, 'float32'));
  let [offsets, masks, largest] = [0, 0, 0];
  let difference: string | undefined;
  const ties: string[] = [];
  const differ = (...which: Parameters<typeof sentence>) => {
    difference ??= sentence(...which);
  };
  for (const [i, reference] of answer.texts.entries()) {
    const text = texts[i] ?? '';
    const encoding = encoder.encode(findMasks(text, mask));
    if (encoding.input_ids.join() !== reference.ids.join()) {
      differ(text, 'ids', encoding.input_ids.join(' '), reference.ids.join(' '));
      continue;
    }
    // The reference spells masks in its own way; its offsets are in code points.
    if (reference.text === text) {
      offsets++;
      const points = Array.from(encoding.offsets, (unit) => Array.from(text.slice(0, unit)).length);
      if (points.join() !== reference.offsets.flat().join()) {
        differ(text, 'offsets', points.join(' '), reference.offsets.flat().join(' '));
      }
    }
    const [logits] = await backend.run([encoding]);
    for (const [m, { choices }] of (reference.masks ?? []).entries()) {
      masks++;
      const row = logits?.mlm.subarray(m * weights.config.vocab_size, (m + 1) * weights.config.vocab_size);
      const { first, ours, apart } = compareChoices(row ?? new Float32Array(), choices);
      largest = Math.max(largest, apart);
      const what = `the first choice of mask ${m + 1}`;
      const pieces = [encoder.piece(ours), encoder.piece(first)] as const;
      if (apart <= TOLERANCE) {
        if (ours !== first) ties.push(sentence(text, what, ...pieces));
      } else if (ours !== first) {
        differ(text, what, ...pieces);
      } else {
        difference ??= `${JSON.stringify(text)}: a logit of mask ${m + 1} differs by ${apart}`;
      }
    }
  }
  return { tokenizer: answer.tokenizer, texts: texts.length, offsets, masks, largest, difference, ties };
}

/**
 * @param row (vocab_size,) logits
 * @param choices the first choices of the reference with their logits, best first
 * @returns both first choices, and the largest difference of a logit among the choices of the reference and our first one; NaN where
 *   there is no logit
 */
export function compareChoices(
  row: Float32Array,
  choices: readonly (readonly [id: number, logit: number])[],
): { first: number; ours: number; apart: number } {
  const ours = row.reduce((most, logit, id) => (logit > row[most]! ? id : most), 0);
  const apart = choices.map(([id, logit]) => Math.abs((row[id] ?? NaN) - logit));
  // Of another piece the reference says only that its logit is at most the last one.
  const [, least = NaN] = choices.at(-1) ?? [];
  if (!choices.some(([id]) => id === ours)) apart.push(Math.max(0, (row[ours] ?? NaN) - least));
  return { first: choices[0]?.[0] ?? -1, ours, apart: Math.max(...apart) };
}
