/** Measures the quantization error of a checkpoint and records it beside the checkpoint. Reads and writes files. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Encoding } from '../../src/inference/backend.ts';
import { findMasks } from '../../src/tokenizer/masks.ts';
import { createTokenizer } from '../../src/tokenizer/create-tokenizer.ts';
import type { QuantizationError } from '../../src/schemas/model.ts';
import { compareBackends } from '../evaluation/agreement.ts';
import { DEFAULT_BUDGET, extraWorkOf, worstInput } from './calibrate.ts';
import { CALIBRATION_TEXT, HELD_OUT_TEXT, MAX_UNKNOWN, readRunningText } from '../evaluation/running-text.ts';
import { type Build, type Checkpoint, makeArtifacts, readCheckpoint, weightsIn, writeBuild } from '../build/build.ts';
import { buildGraph } from '../onnx/encoder.ts';
import {
  BUILT_FILES,
  type LayerBits,
  type MeasuredErrors,
  writeQuantizationErrors,
} from '../build/quantization-error.ts';
import { engineBackend, onnxBackend } from '../evaluation/backends.ts';

/** How well a build must agree with float32, on the probes and on running text, to be served. */
const THRESHOLDS: Record<LayerBits, { readonly clear: number; readonly divergence: number }> = {
  8: { clear: 0.99, divergence: 0.002 },
  4: { clear: 0.9, divergence: 0.05 },
};

/** The probe texts, masked by hand, encoded by the checkpoint's tokenizer; without those that are too long for it. */
export async function encodeProbes({ tokenizer, weights }: Checkpoint): Promise<Encoding[]> {
  const texts = JSON.parse(await readFile(join(import.meta.dirname, '../probes.json'), 'utf8')) as string[];
  const encoder = createTokenizer(tokenizer.packed, tokenizer.special_tokens);
  return texts
    .map((text) => encoder.encode(findMasks(text)))
    .filter(({ input_ids }) => input_ids.length <= weights.config.max_position_embeddings);
}

/**
 * @param model an id, or the path of a folder
 * @param force also records an error beyond the limits
 * @returns the build, whose manifest now has the error
 * @throws if the error is beyond the limits, naming the input of a layer with the largest error and the option that helps;
 *   nothing is written then
 */
export async function measure(
  model: string,
  progress: (share: number) => void,
  force = false,
): Promise<Build & { errors: MeasuredErrors }> {
  const checkpoint = await readCheckpoint(model);
  const { id, bits, backend, weights, tokenizer } = checkpoint;
  const artifacts = await makeArtifacts(checkpoint);
  const { revision } = artifacts;
  const probes = await encodeProbes(checkpoint);
  const text = await readRunningText(HELD_OUT_TEXT, tokenizer, weights.config.max_position_embeddings);
  const reference = await onnxBackend(buildGraph(weights, 'float32'));
  const names = BUILT_FILES[backend];
  const served = [];
  for (const name of names) {
    const file = weightsIn(artifacts, name);
    served.push(await (name === 'model.efm' ? engineBackend(file) : onnxBackend(file)));
  }
  // If most of the text is unknown to the vocabulary, its masks measure nothing.
  const masked = text.unknown > MAX_UNKNOWN ? [] : text.encodings;
  const of = probes.length + masked.length;
  const onProbes = await compareBackends(served, reference, probes, (done) => progress(done / of));
  const onText = await compareBackends(served, reference, masked, (done) => progress((probes.length + done) / of));
  const errorOf = (i: number): QuantizationError => {
    const ofText = masked.length > 0 ? onText[i] : undefined;
    return Object.assign(onProbes[i]!, ofText && { text: ofText });
  };
  const errors: MeasuredErrors = Object.fromEntries(names.map((name, i) => [name, errorOf(i)]));
  if (!force) {
    for (const [name, error] of Object.entries(errors)) {
      const found = tooLarge(bits, error);
      if (found) {
        throw new Error(
          `${id}: quantization costs ${name} too much: ${found}. ${await whatHelps(checkpoint)} ` +
            '--force accepts it anyway. quantization.json is unchanged.',
        );
      }
    }
  }
  await writeQuantizationErrors(checkpoint.folder, checkpoint, { revision, errors });
  return { ...(await writeBuild(checkpoint, artifacts, errors)), errors };
}

/** What exceeds a limit: on running text, or on the probes if the vocabulary does not cover the text. */
function tooLarge(bits: LayerBits, error: QuantizationError): string | undefined {
  const { clear, divergence } = THRESHOLDS[bits];
  const { clear_top1_agreement: kept = 1, mean_kl, masks } = error.text ?? error;
  const where = `over ${masks} masks of ${error.text ? 'running text' : 'the probes'}`;
  if (kept < clear)
    return `${(100 * kept).toFixed(2)} % of the clear first choices stay the same ${where}, at least ${100 * clear} % must`;
  return mean_kl > divergence
    ? `the divergence is ${mean_kl} nats ${where}, at most ${divergence} is allowed`
    : undefined;
}

async function whatHelps({ weights, bits, plan, tokenizer }: Checkpoint): Promise<string> {
  const { encodings } = await readRunningText(CALIBRATION_TEXT, tokenizer, weights.config.max_position_embeddings, 1);
  const { stored, input, loss } = await worstInput(weights, plan, encodings);
  const matrix = `The input of layer.${stored}.${input} costs most: its rounding alone costs ${loss.toPrecision(3)} nats.`;
  if (bits === 4) return `${matrix} Convert it with --bits 8.`;
  const budget = Math.max(DEFAULT_BUDGET[bits], extraWorkOf(weights, plan));
  return `${matrix} Convert it with --outliers ${(1.5 * budget).toFixed(2)}, which allows more outlier channels.`;
}
