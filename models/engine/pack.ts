/** A checkpoint as the file that the engine reads (src/inference/blob.ts). No I/O, and the same bytes on every machine. */
import { createBlob, type Geometry } from '../../src/inference/blob.ts';
import type { EncoderWeights, Layer, LayerNorm, Linear } from '../checkpoint/encoder.ts';
import { concatenate, multiplyColumns, smoothing } from '../onnx/quantize.ts';
import { packMatrix } from './lanes.ts';

/** @throws naming the size that the engine cannot compute with */
export function packEngineFile(weights: EncoderWeights): Uint8Array<ArrayBuffer> {
  const { config, embeddings, layers, mlm, sop } = weights;
  const { embedding_size: E, hidden_size: H } = config;
  const { blob, sections } = createBlob(geometryOf(weights));
  const unwritten = new Map(sections.map((section) => [section.name, section]));

  const write = (name: string, data: Int8Array | Float32Array) => {
    const section = unwritten.get(name);
    if (!section || section.bytes < data.byteLength) throw new Error(`${name} does not fit into the file`);
    if (!data.every(Number.isFinite)) throw new Error(`${name} has a number that is not finite`);
    unwritten.delete(name);
    // As float32 lies in memory here, which is little-endian wherever Node runs.
    blob.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), section.offset);
  };
  const matrix = (name: string, linear: Linear) => {
    for (const [part, data] of Object.entries({ ...packMatrix(linear), bias: linear.bias }))
      write(`${name}.${part}`, data);
  };
  const norm = (name: string, { gain, bias }: LayerNorm) => {
    write(`${name}.gain`, gain);
    write(`${name}.shift`, bias);
  };

  matrix('words', { weight: embeddings.words, bias: mlm.bias, inputs: E, outputs: config.vocab_size });
  // The row of type 0 goes into every position, and the others are what they differ by.
  const type0 = embeddings.types.subarray(0, E);
  write(
    'positions',
    embeddings.positions.map((value, i) => value + (type0[i % E] as number)),
  );
  write(
    'types',
    embeddings.types.map((value, i) => value - (type0[i % E] as number)),
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
    );
    matrix(`${name}.key_value`, multiplyColumns(concatenate(key, value), attentionDivisors));
    matrix(`${name}.attention`, layer.attention);
    norm(`${name}.attention`, layer.attentionNorm);
    matrix(`${name}.feed_forward`, multiplyColumns(layer.feedForward, feedForwardDivisors));
    matrix(`${name}.output`, layer.feedForwardOutput);
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
  if (sop) {
    matrix('pooler', sop.pooler);
    write('sentence.weight', sop.classifier.weight);
    write('sentence.bias', sop.classifier.bias);
  }
  if (unwritten.size > 0) throw new Error(`${[...unwritten.keys()].join(', ')}: nothing was written there`);
  return blob;
}

function geometryOf({ config, embeddings, layers, sop }: EncoderWeights): Geometry {
  return {
    ...config,
    layers_stored: layers.length,
    projection: embeddings.projection !== undefined,
    sentence: sop !== undefined,
    gelu: config.hidden_act === 'gelu' ? 'erf' : 'tanh',
  };
}

/** What to divide the inputs of the two products by that come after a layer-norm (`smoothing`). (H,) each. */
function divisorsOf({ embeddings, layers }: EncoderWeights, index: number) {
  const layer = layers[index] as Layer;
  const before = layers.length === 1 ? layer.outputNorm : (layers[index - 1]?.outputNorm ?? embeddings.norm);
  return {
    attentionDivisors: smoothing(before, concatenate(layer.query, layer.key, layer.value)),
    feedForwardDivisors: smoothing(layer.attentionNorm, layer.feedForward),
  };
}

const scaled = (linear: Linear, factor: number): Linear => ({
  ...linear,
  weight: linear.weight.map((w) => w * factor),
  bias: linear.bias.map((b) => b * factor),
});
