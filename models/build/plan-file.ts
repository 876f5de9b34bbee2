/** `calibration.json` beside a checkpoint: how the inputs of its layers are quantized. Reads and writes files. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { OutlierInput } from '../../src/inference/efm-format.ts';
import type { EncoderWeights } from '../checkpoint/encoder.ts';
import { forInputs, type LayerPlan, matrixOf } from '../quantization/plan.ts';
import type { LayerBits } from './quantization-error.ts';

const FILE = 'calibration.json';

interface Recorded {
  /** Identifies the weights of the plan. */
  readonly weights: string;
  readonly bits: LayerBits;
  readonly layers: readonly Readonly<
    Record<OutlierInput, { readonly range: readonly number[]; readonly outliers: readonly number[] }>
  >[];
}

/**
 * @returns undefined if there is none for these weights and bits
 * @throws naming the input with invalid channels
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
  return weights.layers.map((layer, stored) =>
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
  const text = JSON.stringify({ weights: fingerprint(weights), bits, layers }, null, 1);
  // One line for each list of numbers.
  await writeFile(join(folder, FILE), `${text.replace(/\[[\d\s.,e+-]*\]/g, (list) => list.replace(/\s+/g, ''))}\n`);
}

/** Of the matrices in the layers. */
function fingerprint({ layers }: EncoderWeights): string {
  const hash = createHash('sha256');
  for (const { query, key, value, attention, feedForward, feedForwardOutput } of layers) {
    for (const { weight } of [query, key, value, attention, feedForward, feedForwardOutput]) hash.update(weight);
  }
  return hash.digest('hex').slice(0, 16);
}
