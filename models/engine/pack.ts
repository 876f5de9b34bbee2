/** A checkpoint as the file that the engine reads (src/inference/efm-format.ts). No I/O, and the same bytes on every machine. */
import { createBlob, type ModelConfig } from '../../src/inference/efm-format.ts';
import type { EncoderWeights, LayerNorm, Linear } from '../checkpoint/encoder.ts';
import { concatenate, divisorsOf, multiplyColumns } from '../quantization/int8.ts';
import { packFourBits } from '../quantization/int4.ts';
import { packMatrix } from '../quantization/lanes.ts';

/**
 * @param layer_bits of the weights in the layers; all others have 8
 * @throws naming the size that the engine cannot compute with
 */
export function packEngineFile(weights: EncoderWeights, layer_bits: 4 | 8 = 8): Uint8Array<ArrayBuffer> {
  const { config, embeddings, layers, mlm, sentence } = weights;
  const { embedding_size: E, hidden_size: H, vocab_size: V } = config;
  const { blob, sections } = createBlob(geometryOf(weights, layer_bits));
  const unwritten = new Map(sections.map((section) => [section.name, section]));

  const write = (name: string, data: Int8Array | Float32Array) => {
    const section = unwritten.get(name);
    if (!section || section.bytes < data.byteLength) throw new Error(`${name} does not fit into the file`);
    if (!data.every(Number.isFinite)) throw new Error(`${name} has a number that is not finite`);
    unwritten.delete(name);
    // As float32 lies in memory here, which is little-endian wherever Node runs.
    blob.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), section.offset);
  };
  const matrix = (name: string, linear: Linear, pack = packMatrix) => {
    for (const [part, data] of Object.entries({ ...pack(linear), bias: linear.bias })) write(`${name}.${part}`, data);
  };
  const ofLayer = layer_bits === 4 ? packFourBits : packMatrix;
  const norm = (name: string, { gamma, beta }: LayerNorm) => {
    write(`${name}.gain`, gamma);
    write(`${name}.shift`, beta);
  };

  matrix('words', { weight: embeddings.words, bias: mlm.bias, inputs: E, outputs: V });
  // The row of type 0 goes into every position, and the others are what they differ by.
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
    const { attentionDivisors, feedForwardDivisors } = divisorsOf(weights, i);
    const { query, key, value } = layer;
    matrix(
      `${name}.query`,
      multiplyColumns(scaled(query, 1 / Math.sqrt(H / config.num_attention_heads)), attentionDivisors),
      ofLayer,
    );
    matrix(`${name}.key_value`, multiplyColumns(concatenate(key, value), attentionDivisors), ofLayer);
    matrix(`${name}.attention`, layer.attention, ofLayer);
    norm(`${name}.attention`, layer.attentionNorm);
    matrix(`${name}.feed_forward`, multiplyColumns(layer.feedForward, feedForwardDivisors), ofLayer);
    matrix(`${name}.output`, layer.feedForwardOutput, ofLayer);
    norm(`${name}.output`, layer.outputNorm);
    write(
      `${name}.smooth_attention`,
      attentionDivisors.map((divisor) => 1 / divisor),
    );
    write(
      `${name}.smooth_feed_forward`,
      feedForwardDivisors.map((divisor) => 1 / divisor),
    );
  }
  matrix('mlm', mlm.dense);
  norm('mlm', mlm.norm);
  if (mlm.decoder) matrix('decoder', { weight: mlm.decoder, bias: mlm.bias, inputs: E, outputs: V });
  if (sentence) {
    matrix('pooler', sentence.pooler);
    write('sentence.weight', sentence.classifier.weight);
    write('sentence.bias', sentence.classifier.bias);
  }
  if (unwritten.size > 0) throw new Error(`${[...unwritten.keys()].join(', ')}: nothing was written there`);
  return blob;
}

/** What the header of the file says of a model. */
export function geometryOf({ config, embeddings, mlm, sentence }: EncoderWeights, layer_bits: 4 | 8): ModelConfig {
  return {
    ...config,
    projection: embeddings.projection !== undefined,
    sentence: sentence !== undefined,
    gelu: config.hidden_act === 'gelu' ? 'erf' : 'tanh',
    decoder: mlm.decoder !== undefined,
    layer_bits,
  };
}

const scaled = (linear: Linear, factor: number): Linear => ({
  ...linear,
  weight: linear.weight.map((w) => w * factor),
  bias: linear.bias.map((b) => b * factor),
});
