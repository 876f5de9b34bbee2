/** The measured error of a build, committed beside the checkpoint with the revision it belongs to. Reads and writes files. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { QuantizationError } from '../src/model/manifest.ts';

const FILE = 'quantization.json';

/** @throws when there is none, or it was measured on another revision */
export async function readQuantizationError(folder: string, revision: string): Promise<QuantizationError> {
  const hint = 'measure it with `npm run models -- verify`';
  let text: string;
  try {
    text = await readFile(join(folder, FILE), 'utf8');
  } catch {
    throw new Error(`${folder} has no ${FILE}: ${hint}`);
  }
  const { revision: measured, ...error } = JSON.parse(text) as QuantizationError & { revision: string };
  if (measured !== revision) {
    throw new Error(`${FILE} was measured on revision ${measured}, the checkpoint builds to ${revision}: ${hint}`);
  }
  return error;
}

export async function writeQuantizationError(
  folder: string,
  revision: string,
  error: QuantizationError,
): Promise<void> {
  await writeFile(join(folder, FILE), `${JSON.stringify({ revision, ...error }, null, 2)}\n`);
}
