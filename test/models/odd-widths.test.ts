/** Widths and heads that are no multiple of 8, in every family and with every activation, compared with `transformers`. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { EncoderWeights } from '../../models/checkpoint/encoder.ts';
import { readTensors, readText } from '../../models/checkpoint/files.ts';
import { readWeights } from '../../models/checkpoint/weights.ts';
import { packEngineFile } from '../../models/engine/pack.ts';
import { compareBackends } from '../../models/evaluation/agreement.ts';
import { engineBackend, onnxBackend } from '../../models/evaluation/backends.ts';
import { buildGraph } from '../../models/onnx/encoder.ts';
import { SERVED } from '../../models/onnx/linear.ts';
import { padWeights } from '../../models/quantization/pad.ts';
import type { Backend, Encoding } from '../../src/inference/backend.ts';
import { ODD_FAMILIES, type OddFamily, writeOddWidths } from './odd-widths.ts';

/** Float32 sums in another order than PyTorch's. */
const TOLERANCE = 1e-4;
const POSITIONS = Int32Array.of(1, 2, 3);

interface Golden {
  readonly sha256: string;
  readonly texts: readonly {
    readonly ids: number[];
    readonly types: number[];
    readonly logits: readonly number[][];
    readonly sentence: number[];
  }[];
}
let golden: Record<OddFamily, Golden>;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
  const text = await readFile(join(import.meta.dirname, '../fixtures/odd-widths.json'), 'utf8');
  golden = (JSON.parse(text) as { checkpoints: typeof golden }).checkpoints;
});
afterAll(() => rm(folder, { recursive: true }));

/** The largest difference. */
function apart(found: Float32Array, wanted: readonly number[] = []): number {
  expect(found).toHaveLength(wanted.length);
  return Math.max(0, ...wanted.map((logit, k) => Math.abs((found[k] ?? NaN) - logit)));
}

describe.each(ODD_FAMILIES)('%s with widths that are padded', (family) => {
  let weights: EncoderWeights;
  let encodings: Encoding[];
  let float32: Backend;
  beforeAll(async () => {
    const own = join(folder, family);
    await writeOddWidths(own, family);
    weights = readWeights(await readText(own, 'config.json'), await readTensors(own));
    encodings = golden[family].texts.map(({ ids, types }) => ({
      input_ids: Int32Array.from(ids),
      token_type_ids: Int32Array.from(types),
      masked_positions: POSITIONS,
    }));
    float32 = await onnxBackend(buildGraph(weights, 'float32'));
  });

  it('has the logits of transformers in float32', async () => {
    const bytes = await readFile(join(folder, family, 'model.safetensors'));
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(golden[family].sha256);
    for (const [i, { mlm, sentence }] of (await float32.run(encodings)).entries()) {
      const expected = golden[family].texts[i];
      expect(apart(mlm, expected?.logits.flat())).toBeLessThan(TOLERANCE);
      expect(apart(sentence, expected?.sentence)).toBeLessThan(TOLERANCE);
    }
  });

  it('is answered by both backends in 8 bits, and in 4 alike', async () => {
    expect(padWeights(weights, 8)).not.toBe(weights);
    const [engine, onnx] = await compareBackends(
      [await engineBackend(packEngineFile(weights)), await onnxBackend(buildGraph(weights, 'int8'))],
      float32,
      encodings,
    );
    expect(engine?.mean_kl).toBeLessThan(0.005);
    expect(onnx?.mean_kl).toBeLessThan(0.005);
    const four = [
      await engineBackend(packEngineFile(weights, 4)),
      await onnxBackend(buildGraph(weights, { ...SERVED, layer_bits: 4 })),
    ] as const;
    // They have the same weights, and round activations each in its own way.
    const [alike] = await compareBackends([four[0]], four[1], encodings);
    expect(alike?.mean_kl).toBeLessThan(0.005);
  });
});
