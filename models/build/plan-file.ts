/**
 * `calibration.json` beside a checkpoint: how the inputs of its layers are quantized. With 4 bits, `calibration.int4` has the
 * rounded weights, which depend on the calibration text. Reads and writes files.
 */
import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { OUTLIER_INPUTS, type OutlierInput, STEP_INPUTS } from '../../src/inference/efm-format.ts';
import type { EncoderWeights } from '../checkpoint/encoder.ts';
import { replaceFiles } from '../hub/replace-file.ts';
import type { FourBitRows } from '../quantization/int4.ts';
import { padWeights } from '../quantization/pad.ts';
import { forInputs, type LayerPlan, matrixOf } from '../quantization/plan.ts';
import type { LayerBits } from './quantization-error.ts';

const FILE = 'calibration.json';
const ROUNDED = 'calibration.int4';

interface Recorded {
  /** Identifies the weights of the plan. */
  readonly weights: string;
  readonly bits: LayerBits;
  /** If there is a `calibration.int4`: the SHA-256 of `layers` and that file. */
  readonly rounded?: string;
  readonly layers: readonly Readonly<
    Record<OutlierInput, { readonly range: readonly number[]; readonly outliers: readonly number[] }>
  >[];
}

/**
 * @returns undefined if there is none for these weights and bits
 * @throws naming the input with invalid channels, or the file that does not belong to the plan
 */
export async function readPlan(
  folder: string,
  weights: EncoderWeights,
  bits: LayerBits,
): Promise<LayerPlan[] | undefined> {
  const text = await readFile(join(folder, FILE), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const recorded = JSON.parse(text) as Recorded;
  if (recorded.weights !== fingerprint(weights) || recorded.bits !== bits) return undefined;
  const plan = weights.layers.map((layer, stored) =>
    forInputs((input) => {
      const { range = [], outliers = [] } = recorded.layers[stored]?.[input] ?? {};
      const { inputs } = matrixOf(layer, input);
      const channels = new Set(
        outliers.filter((channel) => Number.isInteger(channel) && channel >= 0 && channel < inputs),
      );
      if (range.length !== inputs || channels.size !== outliers.length) {
        throw new Error(
          `${FILE}: layer.${stored}.${input} does not list channels of its ${inputs}. Delete the file and convert again.`,
        );
      }
      return { range: Float32Array.from(range), outliers };
    }),
  );
  if (recorded.rounded === undefined) return plan;
  const bytes = await readFile(join(folder, ROUNDED)).then(
    (buffer) => new Uint8Array(buffer),
    () => new Uint8Array(),
  );
  if (digest(recorded.layers, bytes) !== recorded.rounded) {
    throw new Error(`${ROUNDED} is missing, or is not the file of ${FILE}. Delete both and convert again.`);
  }
  return splitRounded(bytes, weights, plan);
}

export async function writePlan(
  folder: string,
  weights: EncoderWeights,
  bits: LayerBits,
  plan: readonly LayerPlan[],
): Promise<void> {
  const layers = plan.map((layer) =>
    forInputs((input) => ({
      range: [...layer[input].range].map((value) => Number(value.toPrecision(3))),
      outliers: layer[input].outliers,
    })),
  );
  const rounded = Buffer.concat(
    plan.flatMap((layer) => OUTLIER_INPUTS.flatMap((input) => bytesOf(layer[input].rounded))),
  );
  const recorded: Recorded = {
    weights: fingerprint(weights),
    bits,
    ...(rounded.length > 0 && { rounded: digest(layers, rounded) }),
    layers,
  };
  const text = JSON.stringify(recorded, null, 1);
  // One line for each list of numbers.
  const lines = text.replace(/\[[\d\s.,e+-]*\]/g, (list) => list.replace(/\s+/g, ''));
  const hasRounded = rounded.length > 0;
  // The two belong together.
  await replaceFiles({ ...(hasRounded && { [join(folder, ROUNDED)]: rounded }), [join(folder, FILE)]: `${lines}\n` });
  if (!hasRounded) await rm(join(folder, ROUNDED), { force: true });
}

const digest = (layers: Recorded['layers'], rounded: Uint8Array): string =>
  createHash('sha256').update(JSON.stringify(layers)).update(rounded).digest('hex');

/** Scales, steps and values, one after another. */
function bytesOf(rows: FourBitRows | undefined): Uint8Array[] {
  if (!rows) return [];
  const { scales, steps, values } = rows;
  // float32 in memory is little-endian wherever Node runs.
  return [scales, steps, values].map(
    ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
  );
}

/** @param bytes the file that `writePlan` wrote for this plan, of weights with 4 bits */
function splitRounded(bytes: Uint8Array, weights: EncoderWeights, plan: readonly LayerPlan[]): LayerPlan[] {
  const { layers } = padWeights(weights, 4);
  let at = 0;
  const take = (length: number) => bytes.slice(at, (at += length));
  return plan.map((planned, stored) =>
    forInputs((input) => {
      const { inputs, outputs } = matrixOf(layers[stored] ?? layers[0], input);
      const blocks = (inputs - planned[input].outliers.length) / STEP_INPUTS;
      const scales = new Float32Array(take(4 * outputs).buffer);
      const steps = take(outputs * blocks);
      const values = new Int8Array(take(outputs * inputs).buffer);
      return { ...planned[input], rounded: { inputs, values, steps, scales } };
    }),
  );
}

/** Of the matrices in the layers. */
function fingerprint({ layers }: EncoderWeights): string {
  const hash = createHash('sha256');
  for (const { query, key, value, attention, feedForward, feedForwardOutput } of layers) {
    for (const { weight } of [query, key, value, attention, feedForward, feedForwardOutput]) hash.update(weight);
  }
  return hash.digest('hex').slice(0, 16);
}
