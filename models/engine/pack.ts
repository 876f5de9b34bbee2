/** Packs a checkpoint as the file that the engine reads (src/inference/efm-format.ts). No I/O; deterministic. */
import {
  createBlob,
  type ModelConfig,
  OUTLIER_INPUTS,
  type OutlierInput,
  widthsOf,
} from '../../src/inference/efm-format.ts';
import type { EncoderWeights, LayerNorm, Linear } from '../checkpoint/encoder.ts';
import { concatenate, multiplyColumns } from '../quantization/int8.ts';
import { type FourBitRows, packFourBits, takeOutputs } from '../quantization/int4.ts';
import { packMatrix, roundingRest } from '../quantization/lanes.ts';
import { padPlan, padWeights } from '../quantization/pad.ts';
import {
  divisorsOf,
  fourBitRows,
  type LayerPlan,
  outlierCounts,
  permuteColumns,
  swapsOf,
  uncalibratedPlan,
} from '../quantization/plan.ts';

type Parts = Readonly<Record<string, Int8Array | Float32Array>>;

/**
 * @param layer_bits of the weights in the layers; all others have 8
 * @param plan (layers_stored,): how the inputs of the layers are quantized
 * @throws naming the size that the engine does not support, or the matrix with a number that is not finite
 */
export function packEngineFile(
  weights: EncoderWeights,
  layer_bits: 4 | 8 = 8,
  plan: readonly LayerPlan[] = uncalibratedPlan(weights),
): Uint8Array<ArrayBuffer> {
  const { config, embeddings, layers, mlm, sentence } = padWeights(weights, layer_bits);
  const padded = padPlan(plan, config, layer_bits);
  const { hidden_size, num_attention_heads, vocab_size: V } = config;
  const { embedding: E } = widthsOf(config, layer_bits);
  const { blob, sections } = createBlob(geometryOf(weights, layer_bits, plan));
  const unwritten = new Map(sections.map((section) => [section.name, section]));

  const write = (name: string, data: Int8Array | Float32Array | Uint32Array) => {
    const section = unwritten.get(name);
    if (!section || section.bytes < data.byteLength) throw new Error(`${name} does not fit into the file`);
    if (!data.every(Number.isFinite)) throw new Error(`${name} has a number that is not finite`);
    unwritten.delete(name);
    // float32 in memory is little-endian wherever Node runs.
    blob.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), section.offset);
  };
  const writePacked = (name: string, pack: () => Parts, bias: Float32Array) => {
    let parts;
    try {
      parts = pack();
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
    }
    for (const [part, data] of Object.entries({ ...parts, bias })) write(`${name}.${part}`, data);
  };
  const matrix = (name: string, linear: Linear) =>
    writePacked(
      name,
      () => {
        const { weight, scale, sum } = packMatrix(linear);
        return { weight, scale, sum };
      },
      linear.bias,
    );
  const norm = (name: string, { gamma, beta }: LayerNorm) => {
    write(`${name}.gamma`, gamma);
    write(`${name}.beta`, beta);
  };

  matrix('words', { weight: embeddings.words, bias: mlm.bias, inputs: E, outputs: V });
  // Row 0 of the types is added to every position; the other rows are stored as differences.
  const type0 = embeddings.types.subarray(0, E);
  write(
    'positions',
    embeddings.positions.map((value, i) => value + type0[i % E]!),
  );
  write(
    'types',
    embeddings.types.map((value, i) => value - type0[i % E]!),
  );
  norm('embeddings', embeddings.norm);
  if (embeddings.projection) matrix('projection', embeddings.projection);
  for (const [i, layer] of layers.entries()) {
    const name = `layer.${i}`;
    const planned = padded[i];
    if (!planned) throw new RangeError(`the plan has no layer ${i}`);
    /** The query has some of the outputs of its input's matrix, key and value the others. */
    const rounded = new Map<OutlierInput, FourBitRows>();
    const roundedRows = (input: OutlierInput): FourBitRows => {
      const rows = rounded.get(input) ?? fourBitRows(layer, input, planned[input]);
      rounded.set(input, rows);
      return rows;
    };
    /** @param from the first of its outputs among those of the input's matrix */
    const ofLayer = (part: string, input: OutlierInput, linear: Linear, from = 0, factor = 1) => {
      const own = scaled(linear, factor);
      const pack = () => {
        if (layer_bits === 4) {
          return { ...packFourBits(takeOutputs(roundedRows(input), from, from + linear.outputs, factor)) };
        }
        const smooth = multiplyColumns(own, divisorsOf(layer, input, planned[input]));
        const { outliers } = planned[input];
        return { ...packMatrix(permuteColumns(smooth, swapsOf(outliers)), outliers.length) };
      };
      writePacked(`${name}.${part}`, pack, own.bias);
    };
    const { query, key, value } = layer;
    ofLayer('query', 'query_key_value', query, 0, 1 / Math.sqrt(hidden_size / num_attention_heads));
    ofLayer('key_value', 'query_key_value', concatenate(key, value), query.outputs);
    ofLayer('attention', 'attention', layer.attention);
    norm(`${name}.attention`, layer.attentionNorm);
    ofLayer('feed_forward', 'feed_forward', layer.feedForward);
    ofLayer('output', 'output', layer.feedForwardOutput);
    norm(`${name}.output`, layer.outputNorm);
    const factors = (input: OutlierInput) => divisorsOf(layer, input, planned[input]).map((divisor) => 1 / divisor);
    write(`${name}.smooth_attention`, factors('query_key_value'));
    write(`${name}.smooth_feed_forward`, factors('feed_forward'));
    for (const input of OUTLIER_INPUTS) {
      write(`${name}.${input}.swaps`, Uint32Array.from(swapsOf(planned[input].outliers)));
    }
  }
  matrix('mlm', mlm.dense);
  norm('mlm', mlm.norm);
  if (mlm.decoder) matrix('decoder', { weight: mlm.decoder, bias: mlm.bias, inputs: E, outputs: V });
  if (sentence) {
    matrix('pooler', sentence.pooler);
    write('sentence.weight', sentence.classifier.weight);
    write('sentence.bias', sentence.classifier.bias);
  }
  const rest = roundingRest(mlm.dense);
  if (rest) matrix('mlm_rest', rest);
  if (unwritten.size > 0) throw new Error(`${[...unwritten.keys()].join(', ')}: nothing was written there`);
  return blob;
}

/** The header of the file for a model. */
export function geometryOf(
  { config, embeddings, mlm, sentence }: EncoderWeights,
  layer_bits: 4 | 8,
  plan: readonly LayerPlan[],
): ModelConfig {
  return {
    ...config,
    projection: embeddings.projection !== undefined,
    sentence: sentence !== undefined,
    activation: config.hidden_act,
    head_activation: config.head_act ?? config.hidden_act,
    decoder: mlm.decoder !== undefined,
    mlm_rest: roundingRest(mlm.dense) !== undefined,
    layer_bits,
    outliers: outlierCounts(plan),
  };
}

const scaled = (linear: Linear, factor: number): Linear => ({
  ...linear,
  weight: linear.weight.map((w) => w * factor),
  bias: linear.bias.map((b) => b * factor),
});
