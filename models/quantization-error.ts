/** The measured errors of a build, committed beside the checkpoint with the revision it belongs to. Reads and writes files. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { QuantizationError, WeightsFile } from '../src/model/manifest.ts';

/** For each file of weights. */
export type MeasuredErrors = Record<WeightsFile, QuantizationError>;

const FILE = 'quantization.json';

/** @throws when there is none, or it was measured on another revision */
export async function readQuantizationErrors(folder: string, revision: string): Promise<MeasuredErrors> {
  const hint = 'measure it with `npm run models -- verify`';
  let text: string;
  try {
    text = await readFile(join(folder, FILE), 'utf8');
  } catch {
    throw new Error(`${folder} has no ${FILE}: ${hint}`);
  }
  const { revision: measured, ...errors } = JSON.parse(text) as MeasuredErrors & { revision: string };
  if (measured !== revision) {
    throw new Error(`${FILE} was measured on revision ${measured}, the checkpoint builds to ${revision}: ${hint}`);
  }
  return errors;
}

export async function writeQuantizationErrors(folder: string, revision: string, errors: MeasuredErrors): Promise<void> {
  await writeFile(join(folder, FILE), `${JSON.stringify({ revision, ...errors }, null, 2)}\n`);
}
