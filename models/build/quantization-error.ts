/**
 * `quantization.json` beside a checkpoint: the bits and backends of its build, and the measured error of a revision. Reads and
 * writes files.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { WeightsFile } from '../../src/inference/backend.ts';
import type { QuantizationError } from '../../src/schemas/model.ts';
import { replaceFile } from '../hub/replace-file.ts';

/** For each file of weights that is built. */
export type MeasuredErrors = Partial<Record<WeightsFile, QuantizationError>>;

/** Which backends a checkpoint is built for, and the files of weights that they read. */
export const BUILT_FILES = {
  engine: ['model.efm'],
  onnxruntime: ['model.onnx'],
  both: ['model.onnx', 'model.efm'],
} as const satisfies Record<string, readonly WeightsFile[]>;
export type BuiltFor = keyof typeof BUILT_FILES;

/** Of the weights in the layers. */
export type LayerBits = 4 | 8;

interface Recorded extends MeasuredErrors {
  readonly bits?: LayerBits;
  readonly backend?: BuiltFor;
  /** The measured revision. */
  readonly revision?: string;
}

const FILE = 'quantization.json';

/** How the checkpoint is built by default. */
export async function readLayerBits(folder: string): Promise<LayerBits> {
  return (await readRecorded(folder))?.bits === 4 ? 4 : 8;
}

/** The backends that the checkpoint is built for by default: the engine, or those that were measured. */
export async function readBuiltFor(folder: string): Promise<BuiltFor> {
  const recorded = await readRecorded(folder);
  return recorded?.backend ?? (recorded?.['model.onnx'] ? 'both' : 'engine');
}

/** @returns undefined if this revision was not measured */
export async function findQuantizationErrors(folder: string, revision: string): Promise<MeasuredErrors | undefined> {
  const { revision: measured, 'model.onnx': onnx, 'model.efm': efm } = (await readRecorded(folder)) ?? {};
  return measured === revision ? { ...(onnx && { 'model.onnx': onnx }), ...(efm && { 'model.efm': efm }) } : undefined;
}

/** @throws if nothing was measured, or another revision */
export async function readQuantizationErrors(folder: string, revision: string): Promise<MeasuredErrors> {
  const errors = await findQuantizationErrors(folder, revision);
  if (errors) return errors;
  const hint = 'measure it with `npm run models -- measure`';
  const recorded = await readRecorded(folder);
  if (!recorded?.revision) throw new Error(`${folder} has no measurement in ${FILE}: ${hint}`);
  throw new Error(
    `${FILE} was measured on revision ${recorded.revision}, the checkpoint builds to ${revision}: ${hint}`,
  );
}

export async function writeQuantizationErrors(
  folder: string,
  { bits, backend }: { readonly bits: LayerBits; readonly backend: BuiltFor },
  measured: { revision: string; errors: MeasuredErrors } | undefined,
): Promise<void> {
  const recorded: Recorded = {
    ...(bits === 4 && { bits }),
    ...(backend !== 'engine' && { backend }),
    ...(measured && { revision: measured.revision, ...measured.errors }),
  };
  await replaceFile(join(folder, FILE), `${JSON.stringify(recorded, null, 2)}\n`);
}

async function readRecorded(folder: string): Promise<Recorded | undefined> {
  let text: string;
  try {
    text = await readFile(join(folder, FILE), 'utf8');
  } catch {
    return undefined;
  }
  return JSON.parse(text) as Recorded;
}
