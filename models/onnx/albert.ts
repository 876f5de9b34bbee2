/**
 * ALBERT (Lan et al. 2020) as an ONNX graph that computes masked-LM logits at the masked positions only.
 *
 *   inputs    input_ids, token_type_ids (sequence,) int32; masked_positions (masks,) int32
 *   outputs   logits (masks, vocab_size) float32; sop_logits (2,) float32 where the checkpoint has that head
 *
 * One text a run, so nothing is padded. Tensors are (1, sequence, width) where an operator wants a batch. The layer's
 * weights are in the graph once, however often it is applied; likewise the word embeddings, which are the decoder as well.
 */
import type { EncoderWeights, LayerNorm, Linear } from '../checkpoint/encoder.ts';
import { GraphBuilder, type Name, OPSETS } from './graph-builder.ts';
import { float32Matrices, int8Matrices, type Int8Scheme, perTensorMatrices, SERVED } from './linear.ts';
import { concatenate, multiplyColumns, smoothing } from './quantize.ts';
import { encodeModel, FLOAT, INT32 } from './protobuf.ts';

/** The least value of GELU, at −0.75; a little lower, for what rounding does. */
const GELU_LEAST = -0.1701;

/**
 * @param precision float32; or int8, as it is served unless another scheme is to be measured
 * @returns the bytes of `model.onnx`
 */
export function buildAlbertGraph(
  weights: EncoderWeights,
  precision: 'float32' | 'int8' | Int8Scheme,
): Uint8Array<ArrayBuffer> {
  const { config, embeddings, mlm, sop } = weights;
  const [layer] = weights.layers;
  const { projection } = embeddings;
  if (!projection || weights.layers.length > 1) throw new Error('only ALBERT can be built as a graph');
  const graph = new GraphBuilder();
  const scheme = precision === 'int8' ? SERVED : precision;
  const exact = float32Matrices(graph);
  let matrices = exact;
  if (scheme !== 'float32') matrices = scheme.scales === 'fine' ? int8Matrices(graph) : perTensorMatrices(graph);
  const ends = scheme !== 'float32' && scheme.ends === 'int8' ? matrices : exact;
  const words = { weight: embeddings.words, inputs: config.embedding_size, outputs: config.vocab_size };

  const bias = (name: Name, { bias: data }: { bias: Float32Array }) => graph.vector(`${name}.bias`, data);
  const multiply = (x: Name, name: Name, linear: Omit<Linear, 'bias'>) =>
    matrices.multiply(matrices.prepare(x), name, linear);
  const decode: typeof matrices.multiplyTwice = (x, name, linear) =>
    scheme !== 'float32' && scheme.decoder === 'once'
      ? multiply(x, name, linear)
      : matrices.multiplyTwice(x, name, linear);
  /** After GELU most values are small and a few large: these need the bits. */
  const afterGelu: typeof matrices.multiplyTwice = (x, name, linear) => {
    if (scheme === 'float32' || scheme.feedForwardOutput === 'once') return multiply(x, name, linear);
    return scheme.feedForwardOutput === 'twice'
      ? matrices.multiplyTwice(x, name, linear)
      : matrices.multiplyFrom(GELU_LEAST, x, name, linear);
  };
  /** The product of a layer-norm's output. */
  const afterNorm = (x: Name, name: Name, linear: Linear, norm: LayerNorm) => {
    if (scheme === 'float32' || !scheme.smooth) return multiply(x, name, linear);
    const divisors = smoothing(norm, linear);
    const even = graph.add('Mul', [
      x,
      graph.vector(
        `${name}.smoothing`,
        divisors.map((divisor) => 1 / divisor),
      ),
    ]);
    return multiply(even, name, multiplyColumns(linear, divisors));
  };
  const gains = (name: Name, { gain, bias: shift }: LayerNorm) => [
    graph.vector(`${name}.gain`, gain),
    graph.vector(`${name}.bias`, shift),
  ];
  /** Layer-norm of x + residual + bias, in one operator. */
  const addAndNormalize = (x: Name, residual: Name, name: Name, norm: LayerNorm, added?: Name) =>
    graph.addFused('SkipLayerNormalization', [x, residual, ...gains(name, norm), ...(added ? [added] : [])], {
      epsilon: { float: norm.epsilon },
    });

  // (sequence, embedding_size): word + position + type, normalized.
  const length = graph.add('Shape', ['input_ids']);
  const positions = graph.add('Slice', [
    graph.constant('positions', () => ({
      data: embeddings.positions,
      shape: [config.max_position_embeddings, config.embedding_size],
    })),
    graph.vector('zero', BigInt64Array.of(0n)),
    length,
  ]);
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
  const projected = graph.add('Add', [
    ends.multiply(ends.prepare(embedded), 'projection', projection),
    bias('projection', projection),
  ]);
  // (1, sequence, hidden_size)
  let x = graph.add('Unsqueeze', [projected, graph.vector('zero', BigInt64Array.of(0n))]);

  const queryKeyValue = concatenate(layer.query, layer.key, layer.value);
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const together = graph.add('Add', [
      afterNorm(x, 'query_key_value', queryKeyValue, layer.outputNorm),
      bias('query_key_value', queryKeyValue),
    ]);
    const [query = '', key = '', value = ''] = graph.addMany(3, 'Split', [together], { axis: -1 });
    const context = graph.addFused('MultiHeadAttention', [query, key, value], {
      num_heads: config.num_attention_heads,
    });
    const attention = multiply(context, 'attention', layer.attention);
    const middle = addAndNormalize(
      attention,
      x,
      'attention.norm',
      layer.attentionNorm,
      bias('attention', layer.attention),
    );
    const wide = graph.addFused('FastGelu', [
      afterNorm(middle, 'feed_forward', layer.feedForward, layer.attentionNorm),
      bias('feed_forward', layer.feedForward),
    ]);
    const narrow = afterGelu(wide, 'feed_forward_output', layer.feedForwardOutput);
    x = addAndNormalize(
      narrow,
      middle,
      'output.norm',
      layer.outputNorm,
      bias('feed_forward_output', layer.feedForwardOutput),
    );
  }
  // (sequence, hidden_size)
  const hidden = graph.add('Squeeze', [x, graph.vector('zero', BigInt64Array.of(0n))]);

  const masked = graph.add('Gather', [hidden, 'masked_positions']);
  const dense = graph.addFused('FastGelu', [
    ends.multiply(ends.prepare(masked), 'mlm.dense', mlm.dense),
    bias('mlm.dense', mlm.dense),
  ]);
  const normalized = graph.add('LayerNormalization', [dense, ...gains('mlm.norm', mlm.norm)], {
    axis: -1,
    epsilon: { float: mlm.norm.epsilon },
  });
  const logits = graph.add('Add', [decode(normalized, 'words', words), bias('mlm', mlm)]);
  const outputs = [{ name: 'logits', type: FLOAT, shape: ['masks', config.vocab_size], from: logits }];

  if (sop) {
    // (1, hidden_size): the first token alone.
    const first = graph.add('Gather', [hidden, graph.vector('zero', BigInt64Array.of(0n))]);
    const pooled = graph.add('Tanh', [
      graph.add('Add', [multiply(first, 'pooler', sop.pooler), bias('pooler', sop.pooler)]),
    ]);
    const order = graph.add('Add', [multiply(pooled, 'sop', sop.classifier), bias('sop', sop.classifier)]);
    outputs.push({
      name: 'sop_logits',
      type: FLOAT,
      shape: [2],
      from: graph.add('Squeeze', [order, graph.vector('zero', BigInt64Array.of(0n))]),
    });
  }

  return encodeModel(
    graph.finish(
      'albert',
      [
        { name: 'input_ids', type: INT32, shape: ['sequence'] },
        { name: 'token_type_ids', type: INT32, shape: ['sequence'] },
        { name: 'masked_positions', type: INT32, shape: ['masks'] },
      ],
      outputs,
    ),
    OPSETS,
  );
}
