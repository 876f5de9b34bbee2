/**
 * An encoder (BERT, Devlin et al. 2019; RoBERTa, Liu et al. 2019; ALBERT, Lan et al. 2020; DistilBERT, Sanh et al. 2019) as an
 * ONNX graph that computes masked-LM logits at the masked positions only.
 *
 *   inputs    input_ids, token_type_ids (sequence,) int32; masked_positions (masks,) int32
 *   outputs   logits (masks, vocab_size) float32; sentence_logits (2,) float32 where the checkpoint has such a head
 *
 * One text per run, so nothing is padded. Tensors are (1, sequence, width) where an operator needs a batch. The graph has the
 * weights of a layer once, however often it is applied; likewise the word embeddings if they are also the decoder.
 */
import { type Activation, layerOrder, type OutlierInput, positionRows } from '../../src/inference/efm-format.ts';
import type { EncoderConfig, EncoderWeights, LayerNorm, Linear } from '../checkpoint/encoder.ts';
import { GraphBuilder, type Name, OPSETS } from './graph-builder.ts';
import { multiplyFourBits } from './four-bits.ts';
import { float32Matrices, int8Matrices, type Int8Scheme, type Matrices, perTensorMatrices, SERVED } from './linear.ts';
import { type FourBitRows, fourBitWeights, quantizeToFourBits, selectOutputs } from '../quantization/int4.ts';
import { multiplyColumns } from '../quantization/int8.ts';
import { isAligned, outputPlaces, padMatrix, padPlan, padWeights, placesOf } from '../quantization/pad.ts';
import {
  channelOrder,
  divisorsOf,
  fourBitRows,
  type LayerPlan,
  matrixOf,
  uncalibratedPlan,
} from '../quantization/plan.ts';
import { encodeModel, FLOAT, type Graph, INT32 } from './protobuf.ts';

/** (outputs, channels) */
function takeColumns(linear: Linear, channels: readonly number[]): Linear {
  const { inputs, outputs } = linear;
  const weight = new Float32Array(outputs * channels.length);
  for (let n = 0; n < outputs; n++) {
    for (const [i, channel] of channels.entries()) {
      weight[n * channels.length + i] = linear.weight[n * inputs + channel] as number;
    }
  }
  return { ...linear, weight, inputs: channels.length };
}

function multiplyBy(by: Matrices, x: Name, name: Name, linear: Omit<Linear, 'bias'>): Name {
  return by.multiply(by.prepare(x), name, linear);
}

/** The minimum of each activation, slightly lowered for rounding: GELU's is at −0.75, and SiLU's at −1.28. */
const LEAST: Readonly<Record<Activation, number>> = { gelu: -0.1701, gelu_new: -0.1701, relu: 0, silu: -0.2785 };

/**
 * @param precision float32, or int8: as served, or another scheme to measure
 * @returns the bytes of `model.onnx`
 */
export function buildGraph(
  weights: EncoderWeights,
  precision: 'float32' | 'int8' | Int8Scheme,
  plan?: readonly LayerPlan[],
): Uint8Array<ArrayBuffer> {
  return encodeModel(encoderGraph(weights, precision, plan), OPSETS);
}

/** The name of the graph output with an input of a layer at its i-th application. */
const tapName = (stored: number, input: OutlierInput, i: number): string => `layer.${stored}.${input}.${i}`;

/** In float32, with the inputs of all layers as outputs (1, sequence, inputs), named by `tapName`. */
export function buildTappedGraph(weights: EncoderWeights): Uint8Array<ArrayBuffer> {
  return encodeModel(encoderGraph(weights, 'float32', undefined, 'tapped'), OPSETS);
}

/** The name of the graph's input that says which channels of an input of a layer are exact. */
export const probeName = (stored: number, input: OutlierInput): string => `layer.${stored}.${input}.exact`;

/**
 * In float32, but inputs of layers are rounded as the engine does: with 7 bits between the least and the largest value of a
 * token. For each there is an input (inputs,) named by `probeName`, 1 for the channels that are neither rounded nor count.
 */
export function buildProbedGraph(weights: EncoderWeights, plan: readonly LayerPlan[]): Uint8Array<ArrayBuffer> {
  return encodeModel(encoderGraph(weights, 'float32', plan, 'probed'), OPSETS);
}

/** The same before it is written to bytes. @param changed for `buildTappedGraph` or `buildProbedGraph` */
export function encoderGraph(
  weights: EncoderWeights,
  precision: 'float32' | 'int8' | Int8Scheme,
  plan: readonly LayerPlan[] = uncalibratedPlan(weights),
  changed?: 'tapped' | 'probed',
): Graph {
  const { config, embeddings, layers, mlm, sentence } = weights;
  const { projection } = embeddings;
  const graph = new GraphBuilder();
  const scheme = precision === 'int8' ? SERVED : precision;
  const exact = float32Matrices(graph);
  let matrices = exact;
  if (scheme !== 'float32') matrices = scheme.scales === 'fine' ? int8Matrices(graph) : perTensorMatrices(graph);
  /** By the name of a matrix, which several applications of a layer share. */
  const fourBits = new Map<Name, FourBitRows>();
  const ends = scheme !== 'float32' && scheme.ends === 'int8' ? matrices : exact;
  const words = { weight: embeddings.words, inputs: config.embedding_size, outputs: config.vocab_size };

  const bias = (name: Name, { bias: data }: { bias: Float32Array }) => graph.vector(`${name}.bias`, data);
  const multiply = (x: Name, name: Name, linear: Linear) => multiplyBy(matrices, x, name, linear);
  const decode: typeof matrices.multiplyTwice = (x, name, linear) =>
    scheme !== 'float32' && scheme.decoder === 'once'
      ? multiplyBy(matrices, x, name, linear)
      : matrices.multiplyTwice(x, name, linear);
  /** After an activation most values are small and a few large: these need more bits. */
  const afterActivation = (x: Name, name: Name, linear: Linear) => {
    if (scheme === 'float32' || scheme.feedForwardOutput === 'once') return multiply(x, name, linear);
    return scheme.feedForwardOutput === 'twice'
      ? matrices.multiplyTwice(x, name, linear)
      : matrices.multiplyFrom(LEAST[config.hidden_act], x, name, linear);
  };
  const taps: { name: Name; from: Name; width: number }[] = [];
  const probes = new Map<Name, number>();
  const roundAsEngine = (x: Name, kept: Name): Name => {
    const rounded = graph.add('Sub', [graph.scalar('one', Float32Array.of(1)), kept]);
    const rest = graph.add('Mul', [x, rounded]);
    const [least = '', most = ''] = ['ReduceMin', 'ReduceMax'].map((operator) =>
      graph.add(operator, [rest], { axes: [-1], keepdims: 1 }),
    );
    const range = graph.add('Max', [graph.add('Sub', [most, least]), graph.scalar('tiny', Float32Array.of(1e-30))]);
    const step = graph.add('Mul', [range, graph.scalar('1/127', Float32Array.of(1 / 127))]);
    const steps = graph.add('Round', [graph.add('Div', [graph.add('Sub', [rest, least]), step])]);
    const back = graph.add('Add', [graph.add('Mul', [steps, step]), least]);
    return graph.add('Add', [graph.add('Mul', [back, rounded]), graph.add('Mul', [x, kept])]);
  };
  const fourBitScheme = scheme !== 'float32' && scheme.layer_bits === 4;
  const padded = fourBitScheme ? padWeights(weights, 4).layers : layers;
  const paddedPlan = fourBitScheme ? padPlan(plan, config, 4) : plan;
  /** The weights of 4 bits of the engine, without the outputs that only the engine has. @param matrix without outliers, if not as served */
  const rowsOf = (stored: number, input: OutlierInput, matrix?: Linear): FourBitRows => {
    if (matrix) return quantizeToFourBits(padMatrix(matrix, placesOf(config, 4, input)));
    const [layer, planned] = [padded[stored], paddedPlan[stored]?.[input]];
    if (!layer || !planned) throw new RangeError(`there is no layer ${stored}`);
    const rows = fourBitRows(layer, input, planned);
    return isAligned(config, 4) ? rows : selectOutputs(rows, outputPlaces(config, 4, input));
  };
  /** Smooths an input of a layer and multiplies it: outlier channels in float32, the others by `product`. */
  const project = (x: Name, stored: number, input: OutlierInput, product = multiply): Name => {
    const [layer, planned] = [layers[stored], plan[stored]?.[input]];
    if (!layer || !planned) throw new RangeError(`there is no layer ${stored}`);
    const linear = matrixOf(layer, input);
    const name = `layer.${stored}.${input}`;
    if (changed === 'tapped') {
      const times = taps.filter((tap) => tap.name.startsWith(`${name}.`)).length;
      taps.push({ name: tapName(stored, input, times), from: x, width: linear.inputs });
    }
    if (scheme === 'float32' && changed !== 'probed') return product(x, name, linear);
    const divisors = divisorsOf(layer, input, planned);
    if (scheme === 'float32') {
      const kept = probeName(stored, input);
      probes.set(kept, linear.inputs);
      const smoothing = graph.vector(`${name}.smoothing`, divisors);
      const rounded = roundAsEngine(graph.add('Div', [x, smoothing]), kept);
      return product(graph.add('Mul', [rounded, smoothing]), name, linear);
    }
    const smooth = scheme.smooth && divisors.some((divisor) => divisor !== 1);
    const factors = () =>
      graph.vector(
        `${name}.smoothing`,
        divisors.map((divisor) => 1 / divisor),
      );
    const even = smooth ? graph.add('Mul', [x, factors()]) : x;
    const matrix = smooth ? multiplyColumns(linear, divisors) : linear;
    const outliers = scheme.outliers ? planned.outliers : [];
    const part = (which: string, channels: readonly number[], from = even) =>
      graph.add('Gather', [from, graph.vector(`${name}.${which}`, Int32Array.from(channels))], { axis: -1 });
    if (scheme.layer_bits === 4) {
      const rows = fourBits.get(name) ?? rowsOf(stored, input, scheme.outliers ? undefined : matrix);
      fourBits.set(name, rows);
      const places = placesOf(config, 4, input);
      // The channels of a block share a step, so they stand in the order of the engine, zeros among them.
      const order = channelOrder(
        places.width,
        outliers.map((channel) => places.of[channel] as number),
      );
      const channels = order.slice(outliers.length).map((place) => places.of.indexOf(place));
      const isPadded = channels.includes(-1);
      const wide = isPadded
        ? graph.add('Pad', [even, graph.vector('a channel after the last', BigInt64Array.of(0n, 0n, 0n, 0n, 0n, 1n))])
        : even;
      const inOrder = channels.map((channel) => (channel < 0 ? linear.inputs : channel));
      if (outliers.length === 0) {
        return multiplyFourBits(graph, isPadded ? part('others', inOrder, wide) : even, name, rows);
      }
      const ofOutliers = takeColumns(
        { ...linear, inputs: rows.inputs, weight: fourBitWeights(rows) },
        Array.from(outliers.keys()),
      );
      const worst = part('outliers', outliers);
      return graph.add('Add', [
        multiplyFourBits(graph, part('others', inOrder, wide), name, rows),
        multiplyBy(matrices, worst, `${name}.of_outliers`, ofOutliers),
      ]);
    }
    if (outliers.length === 0) return product(even, name, matrix);
    const others = channelOrder(linear.inputs, outliers)
      .slice(outliers.length)
      .toSorted((a, b) => a - b);
    const [worst, rest] = [part('outliers', outliers), part('others', others)];
    return graph.add('Add', [
      product(rest, name, takeColumns(matrix, others)),
      multiplyBy(exact, worst, `${name}.of_outliers`, takeColumns(matrix, outliers)),
    ]);
  };
  const gammaBeta = (name: Name, { gamma, beta }: LayerNorm) => [
    graph.vector(`${name}.gain`, gamma),
    graph.vector(`${name}.bias`, beta),
  ];
  /** Layer-norm of x + residual + bias, in one operator. */
  const addAndNormalize = (x: Name, residual: Name, name: Name, norm: LayerNorm, added?: Name) =>
    graph.addFused('SkipLayerNormalization', [x, residual, ...gammaBeta(name, norm), ...(added ? [added] : [])], {
      epsilon: { float: norm.epsilon },
    });

  // (sequence, embedding_size): word + position + type, normalized.
  const length = graph.add('Shape', ['input_ids']);
  const table = graph.constant('positions', () => ({
    data: embeddings.positions,
    shape: [positionRows(config), config.embedding_size],
  }));
  const positions =
    config.position_offset > 0
      ? graph.add('Gather', [table, withoutPadding(graph, config)])
      : graph.add('Slice', [table, graph.vector('zero', BigInt64Array.of(0n)), length]);
  const types = graph.add('Gather', [
    graph.constant('types', () => ({ data: embeddings.types, shape: [config.type_vocab_size, config.embedding_size] })),
    'token_type_ids',
  ]);
  const embedded = addAndNormalize(
    matrices.rows('input_ids', 'words', words),
    graph.add('Add', [positions, types]),
    'embeddings.norm',
    embeddings.norm,
  );
  const projected = projection
    ? graph.add('Add', [
        ends.multiply(ends.prepare(embedded), 'projection', projection),
        bias('projection', projection),
      ])
    : embedded;
  // (1, sequence, hidden_size)
  let x = graph.add('Unsqueeze', [projected, graph.vector('zero', BigInt64Array.of(0n))]);

  /** x + bias, through an activation. */
  const activate = (activation: Activation, product: Name, shift: Name): Name => {
    if (activation === 'gelu') return graph.addFused('BiasGelu', [product, shift]);
    if (activation === 'gelu_new') return graph.addFused('FastGelu', [product, shift]);
    const sum = graph.add('Add', [product, shift]);
    return activation === 'relu' ? graph.add('Relu', [sum]) : graph.add('Mul', [sum, graph.add('Sigmoid', [sum])]);
  };
  const applied = layers.map((layer, stored) => {
    const name = (part: string) => `layer.${stored}.${part}`;
    const queryKeyValue = matrixOf(layer, 'query_key_value');
    return (input: Name): Name => {
      const together = graph.add('Add', [
        project(input, stored, 'query_key_value'),
        bias(name('query_key_value'), queryKeyValue),
      ]);
      const [query = '', key = '', value = ''] = graph.addMany(3, 'Split', [together], { axis: -1 });
      const context = graph.addFused('MultiHeadAttention', [query, key, value], {
        num_heads: config.num_attention_heads,
      });
      const attention = project(context, stored, 'attention');
      const middle = addAndNormalize(
        attention,
        input,
        name('attention.norm'),
        layer.attentionNorm,
        bias(name('attention'), layer.attention),
      );
      const wide = activate(
        config.hidden_act,
        project(middle, stored, 'feed_forward'),
        bias(name('feed_forward'), layer.feedForward),
      );
      const narrow = project(wide, stored, 'output', afterActivation);
      return addAndNormalize(
        narrow,
        middle,
        name('output.norm'),
        layer.outputNorm,
        bias(name('output'), layer.feedForwardOutput),
      );
    };
  });
  for (const stored of layerOrder(config)) x = (applied[stored] as (input: Name) => Name)(x);
  // (sequence, hidden_size)
  const hidden = graph.add('Squeeze', [x, graph.vector('zero', BigInt64Array.of(0n))]);

  const masked = graph.add('Gather', [hidden, 'masked_positions']);
  const dense = activate(
    config.head_act ?? config.hidden_act,
    ends.multiply(ends.prepare(masked), 'mlm.dense', mlm.dense),
    bias('mlm.dense', mlm.dense),
  );
  const normalized = graph.add('LayerNormalization', [dense, ...gammaBeta('mlm.norm', mlm.norm)], {
    axis: -1,
    epsilon: { float: mlm.norm.epsilon },
  });
  const decoded = mlm.decoder
    ? decode(normalized, 'decoder', { ...words, weight: mlm.decoder })
    : decode(normalized, 'words', words);
  const logits = graph.add('Add', [decoded, bias('mlm', mlm)]);
  const outputs = [{ name: 'logits', type: FLOAT, shape: ['masks', config.vocab_size], from: logits }];

  if (sentence) {
    const { pooler, classifier } = sentence;
    // (1, hidden_size): the first token alone.
    const first = graph.add('Gather', [hidden, graph.vector('zero', BigInt64Array.of(0n))]);
    const pooled = graph.add('Tanh', [
      graph.add('Add', [multiplyBy(matrices, first, 'pooler', pooler), bias('pooler', pooler)]),
    ]);
    const pair = graph.add('Add', [multiplyBy(matrices, pooled, 'sentence', classifier), bias('sentence', classifier)]);
    outputs.push({
      name: 'sentence_logits',
      type: FLOAT,
      shape: [2],
      from: graph.add('Squeeze', [pair, graph.vector('zero', BigInt64Array.of(0n))]),
    });
  }

  for (const { name, from, width } of taps) outputs.push({ name, type: FLOAT, shape: [1, 'sequence', width], from });
  return graph.finish(
    config.family,
    [
      { name: 'input_ids', type: INT32, shape: ['sequence'] },
      { name: 'token_type_ids', type: INT32, shape: ['sequence'] },
      { name: 'masked_positions', type: INT32, shape: ['masks'] },
      ...Array.from(probes, ([name, width]) => ({ name, type: FLOAT, shape: [width] })),
    ],
    outputs,
  );
}

/** The position row of each token: texts are numbered without padding tokens, which have the last row. */
function withoutPadding(graph: GraphBuilder, { position_offset, max_position_embeddings }: EncoderConfig): Name {
  const isPadding = graph.add('Equal', ['input_ids', graph.scalar('padding_id', Int32Array.of(position_offset - 1))]);
  const others = graph.add('Cast', [graph.add('Not', [isPadding])], { to: INT32 });
  const count = graph.add('CumSum', [others, graph.scalar('sequence_axis', Int32Array.of(0))]);
  const numbers = graph.add('Sub', [count, graph.scalar('first_number', Int32Array.of(1))]);
  const last = graph.scalar('padding_row', Int32Array.of(max_position_embeddings));
  return graph.add('Where', [isPadding, last, numbers]);
}
