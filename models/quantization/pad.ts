/**
 * Weights and plans as wide as the engine reads them (`widthsOf` in src/inference/efm-format.ts): rows and columns of zeros, and for each head
 * those after its own channels. No I/O.
 */
import { inputWidth, type OutlierInput, type Widths, widthsOf } from '../../src/inference/efm-format.ts';
import type { EncoderConfig, EncoderWeights, Layer, LayerNorm, Linear } from '../checkpoint/encoder.ts';
import { forInputs, type InputPlan, type LayerPlan } from './plan.ts';

type LayerBits = 4 | 8;

/** The place of each channel of a size among those of a width, which has at least as many. */
export interface Places {
  readonly width: number;
  /** (size,) ascending */
  readonly of: readonly number[];
}

const inFront = (size: number, width: number): Places => ({ width, of: Array.from({ length: size }, (_, i) => i) });

/** A head at a time: its channels, and the zeros after them. */
function byHeads({ hidden_size, num_attention_heads }: EncoderConfig, { head, attention }: Widths): Places {
  const own = hidden_size / num_attention_heads;
  const of = Array.from({ length: hidden_size }, (_, i) => Math.floor(i / own) * head + (i % own));
  return { width: attention, of };
}

/** The places of the channels of an input of a layer. */
export function placesOf(config: EncoderConfig, layer_bits: LayerBits, input: OutlierInput): Places {
  const widths = widthsOf(config, layer_bits);
  if (input === 'attention') return byHeads(config, widths);
  return inFront(input === 'output' ? config.intermediate_size : config.hidden_size, inputWidth(widths, input));
}

/** (width,): the values at their places, zeros elsewhere. */
export function spread(values: Float32Array, { width, of }: Places): Float32Array {
  const wide = new Float32Array(width);
  for (const [i, place] of of.entries()) wide[place] = values[i]!;
  return wide;
}

function padLinear({ weight, bias, inputs, outputs }: Linear, from: Places, to: Places): Linear {
  const wide = new Float32Array(to.width * from.width);
  for (let n = 0; n < outputs; n++) {
    wide.set(spread(weight.subarray(n * inputs, (n + 1) * inputs), from), to.of[n]! * from.width);
  }
  return { inputs: from.width, outputs: to.width, weight: wide, bias: spread(bias, to) };
}

const padNorm = ({ gamma, beta, epsilon }: LayerNorm, to: Places): LayerNorm => ({
  gamma: spread(gamma, to),
  beta: spread(beta, to),
  epsilon,
});

/** With the columns of an input at their places. */
export const padMatrix = (linear: Linear, places: Places): Linear =>
  padLinear(linear, places, inFront(linear.outputs, linear.outputs));

/** Whether each size of a model is whole steps: then nothing is padded. */
export function isAligned(config: EncoderConfig, layer_bits: LayerBits): boolean {
  const { embedding, hidden, intermediate, attention } = widthsOf(config, layer_bits);
  return (
    embedding === config.embedding_size &&
    hidden === config.hidden_size &&
    intermediate === config.intermediate_size &&
    attention === config.hidden_size
  );
}

/** The same model with wide rows; its `config` keeps the sizes. */
export function padWeights(weights: EncoderWeights, layer_bits: LayerBits): EncoderWeights {
  const { config, embeddings, layers, mlm, sentence } = weights;
  if (isAligned(config, layer_bits)) return weights;
  const widths = widthsOf(config, layer_bits);
  const [E, H] = [inFront(config.embedding_size, widths.embedding), inFront(config.hidden_size, widths.hidden)];
  const F = inFront(config.intermediate_size, widths.intermediate);
  const Q = byHeads(config, widths);
  const rows = (table: Float32Array) => {
    const size = config.embedding_size;
    const count = table.length / size;
    const wide = new Float32Array(count * E.width);
    for (let row = 0; row < count; row++) wide.set(table.subarray(row * size, (row + 1) * size), row * E.width);
    return wide;
  };
  const padLayer = (layer: Layer): Layer => ({
    query: padLinear(layer.query, H, Q),
    key: padLinear(layer.key, H, Q),
    value: padLinear(layer.value, H, Q),
    attention: padLinear(layer.attention, Q, H),
    attentionNorm: padNorm(layer.attentionNorm, H),
    feedForward: padLinear(layer.feedForward, H, F),
    feedForwardOutput: padLinear(layer.feedForwardOutput, F, H),
    outputNorm: padNorm(layer.outputNorm, H),
  });
  const [first, ...others] = layers;
  return {
    ...weights,
    embeddings: {
      words: rows(embeddings.words),
      positions: rows(embeddings.positions),
      types: rows(embeddings.types),
      norm: padNorm(embeddings.norm, E),
      projection: embeddings.projection && padLinear(embeddings.projection, E, H),
    },
    layers: [padLayer(first), ...others.map(padLayer)],
    mlm: {
      dense: padLinear(mlm.dense, H, E),
      norm: padNorm(mlm.norm, E),
      decoder: mlm.decoder && rows(mlm.decoder),
      bias: mlm.bias,
    },
    sentence: sentence && {
      head: sentence.head,
      pooler: padLinear(sentence.pooler, H, H),
      classifier: padLinear(sentence.classifier, H, inFront(2, 2)),
    },
  };
}

/** Of one input: its channels at their places. Rounded weights have them already. */
export function padInput(planned: InputPlan, places: Places): InputPlan {
  return {
    ...planned,
    range: spread(planned.range, places),
    outliers: planned.outliers.map((channel) => places.of[channel]!),
  };
}

/** The outputs of the model among those of a padded matrix of a layer. */
export function outputPlaces(config: EncoderConfig, layer_bits: LayerBits, input: OutlierInput): readonly number[] {
  const widths = widthsOf(config, layer_bits);
  if (input === 'feed_forward') return inFront(config.intermediate_size, widths.intermediate).of;
  if (input !== 'query_key_value') return inFront(config.hidden_size, widths.hidden).of;
  const { of, width } = byHeads(config, widths);
  return [0, 1, 2].flatMap((part) => of.map((place) => part * width + place));
}

export function padPlan(
  plan: readonly LayerPlan[],
  config: EncoderConfig,
  layer_bits: LayerBits,
): readonly LayerPlan[] {
  if (isAligned(config, layer_bits)) return plan;
  const places = forInputs((input) => placesOf(config, layer_bits, input));
  return plan.map((layer) => forInputs((input) => padInput(layer[input], places[input])));
}
