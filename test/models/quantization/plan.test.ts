/** Outlier channels: chosen with a text, stored beside the checkpoint, folded into the weights. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readPlan, writePlan } from '../../../models/build/plan-file.ts';
import type { EncoderConfig, EncoderWeights, LayerNorm } from '../../../models/checkpoint/encoder.ts';
import { packEngineFile } from '../../../models/engine/pack.ts';
import { compareBackends } from '../../../models/evaluation/agreement.ts';
import { engineBackend, onnxBackend } from '../../../models/evaluation/backends.ts';
import { randomWeights } from '../../../models/evaluation/geometry-cost.ts';
import { seeded } from '../../../models/evaluation/random.ts';
import { calibrate, extraWorkOf, findLosses, worstInput } from '../../../models/convert/calibrate.ts';
import { buildGraph } from '../../../models/onnx/encoder.ts';
import { SERVED } from '../../../models/onnx/linear.ts';
import {
  divisorsOf,
  forInputs,
  permuteColumns,
  roundedToNearest,
  swapsOf,
  uncalibratedPlan,
  withoutOutliers,
} from '../../../models/quantization/plan.ts';
import type { Encoding } from '../../../src/inference/backend.ts';

const CONFIG: EncoderConfig = {
  family: 'bert',
  vocab_size: 200,
  embedding_size: 64,
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 40,
  type_vocab_size: 1,
  layer_norm_eps: 1e-12,
  hidden_act: 'gelu',
  position_offset: 0,
  tie_word_embeddings: true,
  layers_stored: 2,
  inner_group_num: 1,
};

const random = seeded(9);
const texts: Encoding[] = Array.from({ length: 8 }, () => ({
  input_ids: Int32Array.from({ length: 20 }, () => random(CONFIG.vocab_size)),
  token_type_ids: new Int32Array(20),
  masked_positions: Int32Array.of(3, 9, 14),
}));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** One channel after the first layer's feed-forward matrix is far larger than all others. */
function withOutlier(): EncoderWeights {
  const weights = randomWeights(CONFIG);
  weights.layers[0].feedForward.bias[77] = 60;
  // So that the logits spread as those of a trained model do.
  for (const [i, word] of weights.embeddings.words.entries()) weights.embeddings.words[i] = 20 * word;
  return weights;
}

const rangeOf = ({ gamma, beta }: LayerNorm) =>
  gamma.map((g, channel) => 3 * Math.abs(g) + Math.abs(beta[channel] ?? NaN));

describe('without a text', () => {
  it('the ranges are three deviations of the layer norm before an input', () => {
    const weights = randomWeights(CONFIG);
    const [first, second] = uncalibratedPlan(weights);
    expect(first?.query_key_value.range).toEqual(rangeOf(weights.embeddings.norm));
    expect(first?.feed_forward.range).toEqual(rangeOf(weights.layers[0].attentionNorm));
    expect(second?.query_key_value.range).toEqual(rangeOf(weights.layers[0].outputNorm));
    expect(first?.output.range).toEqual(new Float32Array(CONFIG.intermediate_size));
  });

  it('a layer that is applied several times has the range of its last application', () => {
    const weights = randomWeights({ ...CONFIG, family: 'albert', layers_stored: 1 });
    const [only] = uncalibratedPlan(weights);
    expect(only?.query_key_value.range).toEqual(rangeOf(weights.layers[0].outputNorm));
  });
});

describe('the permutation', () => {
  it.each([[[5, 3, 9]], [[0, 1, 2]], [[2, 1, 0]], [[1, 7, 0, 6]], [[]]])(
    'brings channels %j to the front',
    (outliers) => {
      const inputs = 10;
      const row = Float32Array.from({ length: 2 * inputs }, (_, i) => i % inputs);
      const { weight } = permuteColumns({ weight: row, inputs }, swapsOf(outliers));
      for (const from of [0, inputs]) {
        const permuted = [...weight.subarray(from, from + inputs)];
        expect(permuted.slice(0, outliers.length)).toEqual(outliers);
        expect(permuted.toSorted((a, b) => a - b)).toEqual(Array.from({ length: inputs }, (_, i) => i));
      }
    },
  );
});

describe('calibration', () => {
  it('chooses the channel that spoils the others, where it is, within the budget', async () => {
    const weights = withOutlier();
    const shares: number[] = [];
    const { plan, choices, extra } = await calibrate(weights, 8, texts, 0.08, (share) => shares.push(share));
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect([shares[0], shares.at(-1)]).toEqual([0, 1]);
    expect(plan[0]?.output.outliers[0]).toBe(77);
    expect(extra).toBeLessThanOrEqual(0.08);
    expect(extra).toBe(extraWorkOf(weights, plan));
    const choice = choices.find(({ stored, input }) => stored === 0 && input === 'output');
    expect(choice?.loss).toBeLessThan((choice?.without ?? 0) / 4);
    expect((await calibrate(weights, 8, texts, 0)).plan[0]?.output.outliers).toEqual([]);
  });

  it('rounds weights to 4 bits so that less is lost, and gives channels 8 bits whose weights lose most', async () => {
    const weights = withOutlier();
    const shares: number[] = [];
    const { plan, choices, extra } = await calibrate(weights, 4, texts, 0.4, (share) => shares.push(share));
    expect([shares[0], shares.at(-1)]).toEqual([0, 1]);
    expect(extra).toBeGreaterThan(0);
    expect(extra).toBeLessThanOrEqual(0.4);
    for (const { without, loss, chosen } of choices) expect(loss < without).toBe(chosen > 0);
    const plans = [plan, plan.map(roundedToNearest), plan.map(withoutOutliers)];
    const served = [];
    for (const one of plans) served.push(await engineBackend(packEngineFile(weights, 4, one)));
    for (const one of plans) served.push(await onnxBackend(buildGraph(weights, { ...SERVED, layer_bits: 4 }, one)));
    const reference = await onnxBackend(buildGraph(weights, 'float32'));
    const losses = (await compareBackends(served, reference, texts)).map((error) => error.mean_kl);
    for (const [compensated = NaN, nearest = NaN, none = NaN] of [losses.slice(0, 3), losses.slice(3)]) {
      // Channels of random weights do not go together, so compensation gains little; compensate.test.ts has others.
      expect(compensated).toBeLessThan(nearest);
      expect(nearest).toBeLessThan(none / 10);
    }
  });

  it('names the input that costs most', async () => {
    const weights = withOutlier();
    const { stored, input, loss } = await worstInput(weights, uncalibratedPlan(weights), texts);
    expect([stored, input]).toEqual([0, 'output']);
    const { plan } = await calibrate(weights, 8, texts, 0.08);
    const cured = (await findLosses(weights, plan, texts)).find((one) => one.stored === 0 && one.input === 'output');
    expect(cured?.loss).toBeLessThan(loss / 4);
  });

  it.each<[what: string, change: (weights: EncoderWeights) => void]>([
    ['a channel that is constant', ({ layers }) => layers[0].attentionNorm.gamma.fill(0, 3, 4)],
    [
      'a channel that is constant and large',
      ({ layers }) => {
        layers[0].attentionNorm.gamma[3] = 0;
        layers[0].attentionNorm.beta[3] = 30;
      },
    ],
    [
      'a matrix that is zero',
      ({ layers }) => {
        for (const part of ['query', 'key', 'value'] as const) layers[1]?.[part].weight.fill(0);
      },
    ],
    ['a gain of 30 in one channel', ({ layers }) => layers[0].attentionNorm.gamma.fill(30, 3, 4)],
  ])('converts %s right, for both backends', async (_, change) => {
    const weights = withOutlier();
    change(weights);
    const { plan } = await calibrate(weights, 8, texts, 0.08);
    for (const [i, layer] of plan.entries()) {
      for (const input of ['query_key_value', 'feed_forward'] as const) {
        const divisors = divisorsOf(weights.layers[i] ?? weights.layers[0], input, layer[input]);
        expect(divisors.every((divisor) => divisor > 0 && Number.isFinite(divisor))).toBe(true);
      }
    }
    const served = [
      await engineBackend(packEngineFile(weights, 8, plan)),
      await onnxBackend(buildGraph(weights, 'int8', plan)),
    ];
    const reference = await onnxBackend(buildGraph(weights, 'float32'));
    for (const error of await compareBackends(served, reference, texts)) {
      expect(error.clear_top1_agreement).toBe(1);
      // The limit of `measure`.
      expect(error.mean_kl).toBeLessThan(0.002);
    }
  });

  it('refuses an input that is not finite, by its name', async () => {
    const weights = withOutlier();
    weights.layers[0].feedForward.bias[5] = Infinity;
    await expect(calibrate(weights, 8, texts, 0.08)).rejects.toThrow(
      /layer\.0\.output: its input is not finite on the calibration text, at channel 5/,
    );
    expect(() => packEngineFile(weights)).toThrow(/layer\.0\.feed_forward\.bias has a number that is not finite/);
  });
});

describe('calibration.json', () => {
  it('comes back for the weights and bits that it was made for, and for no others', async () => {
    const weights = withOutlier();
    const { plan } = await calibrate(weights, 8, texts, 0.08);
    await writePlan(folder, weights, 8, plan);
    expect(await readPlan(folder, weights, 8)).toEqual(plan);
    expect(await readPlan(folder, weights, 4)).toBeUndefined();
    expect(await readPlan(folder, randomWeights(CONFIG, 2), 8)).toBeUndefined();
  });

  it('comes back with the rounded weights of 4 bits, which belong to it', async () => {
    const weights = withOutlier();
    const { plan } = await calibrate(weights, 4, texts, 0.4);
    await writePlan(folder, weights, 4, plan);
    expect(await readPlan(folder, weights, 4)).toEqual(plan);
    const [file, rounded] = [join(folder, 'calibration.json'), join(folder, 'calibration.int4')];
    const bytes = await readFile(rounded);
    bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100);
    await writeFile(rounded, bytes);
    await expect(readPlan(folder, weights, 4)).rejects.toThrow(/calibration\.int4 is missing, or is not the file of/);
    await rm(rounded);
    await expect(readPlan(folder, weights, 4)).rejects.toThrow(/calibration\.int4 is missing, or is not the file of/);
    // Without them, as any 8 bits.
    await writePlan(folder, weights, 8, uncalibratedPlan(weights));
    expect(await readFile(file, 'utf8')).not.toContain('rounded');
  });

  it('is refused where it has other channels than the checkpoint', async () => {
    const weights = withOutlier();
    await writePlan(folder, weights, 8, uncalibratedPlan(weights));
    const file = join(folder, 'calibration.json');
    const recorded = JSON.parse(await readFile(file, 'utf8')) as { layers: { output: { outliers: number[] } }[] };
    (recorded.layers[1] as (typeof recorded.layers)[number]).output.outliers = [3, 3];
    await writeFile(file, JSON.stringify(recorded));
    await expect(readPlan(folder, weights, 8)).rejects.toThrow(/calibration\.json: layer\.1\.output/);
  });

  it('keeps a range for every channel', () => {
    const weights = withOutlier();
    for (const layer of uncalibratedPlan(weights)) {
      expect(forInputs((input) => layer[input].range.length)).toEqual({
        query_key_value: 64,
        attention: 64,
        feed_forward: 64,
        output: 128,
      });
    }
  });
});
