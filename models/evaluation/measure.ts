/** Measures what quantization costs a checkpoint and commits the figure beside it. Reads and writes files. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Encoding } from '../../src/inference/backend.ts';
import { findMasks } from '../../src/tokenizer/masks.ts';
import { createTokenizer } from '../../src/tokenizer/create-tokenizer.ts';
import { compareBackends } from './agreement.ts';
import { type Build, type Checkpoint, makeArtifacts, readCheckpoint, writeBuild } from '../build/build.ts';
import { buildGraph } from '../onnx/encoder.ts';
import { type LayerBits, type MeasuredErrors, writeQuantizationErrors } from '../build/quantization-error.ts';
import { engineBackend, onnxBackend } from './backends.ts';

/** The least share of clear first choices that has to survive: a model that keeps fewer is not to be served. */
const LEAST_AGREEMENT: Record<LayerBits, number> = { 8: 0.99, 4: 0.9 };

/** The probe texts, masked by hand, as the checkpoint's tokenizer sees them; without those that are too long for it. */
export async function encodeProbes({ tokenizer, weights }: Checkpoint): Promise<Encoding[]> {
  const texts = JSON.parse(await readFile(join(import.meta.dirname, '../probes.json'), 'utf8')) as string[];
  const encoder = createTokenizer(JSON.parse(tokenizer.json) as object, tokenizer.special_tokens);
  return texts
    .map((text) => encoder.encode(findMasks(text)))
    .filter(({ input_ids }) => input_ids.length <= weights.config.max_position_embeddings);
}

/**
 * @param model an id, or the path of a folder
 * @param force also records an error that is too large
 * @returns the build, whose manifest now says it
 * @throws when too little survives; nothing is written then
 */
export async function measure(
  model: string,
  progress: (done: number, of: number) => void,
  force = false,
): Promise<Build & { errors: MeasuredErrors }> {
  const checkpoint = await readCheckpoint(model);
  const { id, bits } = checkpoint;
  const artifacts = await makeArtifacts(checkpoint);
  const { revision, files } = artifacts;
  const encodings = await encodeProbes(checkpoint);
  const reference = await onnxBackend(buildGraph(checkpoint.weights, 'float32'));
  const served = {
    'model.onnx': await onnxBackend(files['model.onnx']),
    'model.efm': await engineBackend(files['model.efm']),
  };
  const compare = async (name: keyof typeof served, before: number) => {
    const error = await compareBackends(served[name], reference, encodings, (done) =>
      progress(before + done, 2 * encodings.length),
    );
    const { clear_top1_agreement: survived = 0 } = error;
    if (survived >= LEAST_AGREEMENT[bits] || force) return error;
    throw new Error(
      `${id}: only ${(100 * survived).toFixed(1)} % of the clear first choices survive quantization in ${name}, ` +
        `${100 * LEAST_AGREEMENT[bits]} % have to (--force takes it all the same). quantization.json is left as it was.`,
    );
  };
  const errors = {
    'model.onnx': await compare('model.onnx', 0),
    'model.efm': await compare('model.efm', encodings.length),
  };
  await writeQuantizationErrors(checkpoint.folder, bits, { revision, errors });
  return { ...(await writeBuild(checkpoint, artifacts, errors)), errors };
}
