/**
 * An ALBERT checkpoint (Lan et al. 2020; tensor names as `AlbertForPreTraining` in transformers) as plain weights, in no
 * form that a backend would want in particular. No I/O.
 */
import { readSafetensors, type Tensor } from './safetensors.ts';

/** y = x W + b. The checkpoint keeps the transpose, (outputs, inputs); so does this. */
export interface Linear {
  readonly inputs: number;
  readonly outputs: number;
  /** (outputs, inputs) */
  readonly weight: Float32Array;
  /** (outputs,) */
  readonly bias: Float32Array;
}

export interface LayerNorm {
  /** (width,) */
  readonly gain: Float32Array;
  readonly bias: Float32Array;
  readonly epsilon: number;
}

export interface AlbertConfig {
  readonly vocab_size: number;
  readonly embedding_size: number;
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly intermediate_size: number;
  readonly max_position_embeddings: number;
  readonly type_vocab_size: number;
  readonly layer_norm_eps: number;
}

export interface AlbertWeights {
  readonly config: AlbertConfig;
  readonly embeddings: {
    /** (vocab_size, embedding_size); also the decoder of the masked-LM head. */
    readonly words: Float32Array;
    /** (max_position_embeddings, embedding_size) */
    readonly positions: Float32Array;
    /** (type_vocab_size, embedding_size) */
    readonly types: Float32Array;
    readonly norm: LayerNorm;
    /** embedding_size to hidden_size */
    readonly projection: Linear;
  };
  /** The one layer, applied `num_hidden_layers` times. */
  readonly layer: {
    readonly query: Linear;
    readonly key: Linear;
    readonly value: Linear;
    readonly attention: Linear;
    readonly attentionNorm: LayerNorm;
    readonly feedForward: Linear;
    readonly feedForwardOutput: Linear;
    readonly outputNorm: LayerNorm;
  };
  readonly mlm: {
    /** hidden_size to embedding_size */
    readonly dense: Linear;
    readonly norm: LayerNorm;
    /** (vocab_size,) */
    readonly bias: Float32Array;
  };
  /** Over the first token: a pooler with tanh, then two logits (as it was, swapped). */
  readonly sop: { readonly pooler: Linear; readonly classifier: Linear } | undefined;
}

const COUNTS = [
  'vocab_size',
  'embedding_size',
  'hidden_size',
  'num_hidden_layers',
  'num_attention_heads',
  'intermediate_size',
  'max_position_embeddings',
  'type_vocab_size',
] as const;

/**
 * @param configJson the text of `config.json`
 * @param file the bytes of `model.safetensors`
 * @throws naming the field or tensor, when it is none of this family or its parts contradict each other
 */
export function readAlbert(configJson: string, file: Uint8Array): AlbertWeights {
  const config = readConfig(configJson);
  const { embedding_size: E, hidden_size: H, intermediate_size: F, vocab_size: V } = config;
  const tensors = readSafetensors(file);

  const array = (name: string, ...shape: number[]): Float32Array => {
    const tensor: Tensor | undefined = tensors.get(name);
    if (!tensor) throw new Error(`the checkpoint has no tensor ${name}`);
    if (tensor.shape.join() !== shape.join()) {
      throw new Error(
        `${name} has the shape [${tensor.shape.join(', ')}] where config.json says [${shape.join(', ')}]`,
      );
    }
    return tensor.data;
  };
  const linear = (name: string, inputs: number, outputs: number): Linear => ({
    inputs,
    outputs,
    weight: array(`${name}.weight`, outputs, inputs),
    bias: array(`${name}.bias`, outputs),
  });
  const norm = (name: string, width: number): LayerNorm => ({
    gain: array(`${name}.weight`, width),
    bias: array(`${name}.bias`, width),
    epsilon: config.layer_norm_eps,
  });

  const layer = 'albert.encoder.albert_layer_groups.0.albert_layers.0';
  return {
    config,
    embeddings: {
      words: array('albert.embeddings.word_embeddings.weight', V, E),
      positions: array('albert.embeddings.position_embeddings.weight', config.max_position_embeddings, E),
      types: array('albert.embeddings.token_type_embeddings.weight', config.type_vocab_size, E),
      norm: norm('albert.embeddings.LayerNorm', E),
      projection: linear('albert.encoder.embedding_hidden_mapping_in', E, H),
    },
    layer: {
      query: linear(`${layer}.attention.query`, H, H),
      key: linear(`${layer}.attention.key`, H, H),
      value: linear(`${layer}.attention.value`, H, H),
      attention: linear(`${layer}.attention.dense`, H, H),
      attentionNorm: norm(`${layer}.attention.LayerNorm`, H),
      feedForward: linear(`${layer}.ffn`, H, F),
      feedForwardOutput: linear(`${layer}.ffn_output`, F, H),
      outputNorm: norm(`${layer}.full_layer_layer_norm`, H),
    },
    mlm: {
      dense: linear('predictions.dense', H, E),
      norm: norm('predictions.LayerNorm', E),
      bias: array('predictions.bias', V),
    },
    sop: tensors.has('sop_classifier.classifier.weight')
      ? { pooler: linear('albert.pooler', H, H), classifier: linear('sop_classifier.classifier', H, 2) }
      : undefined,
  };
}

function readConfig(json: string): AlbertConfig {
  const config = JSON.parse(json) as Record<string, unknown>;
  if (config['model_type'] !== 'albert')
    throw new Error(`config.json: model_type is ${String(config['model_type'])}, not albert`);
  if (config['hidden_act'] !== 'gelu_new') {
    throw new Error(`config.json: hidden_act is ${String(config['hidden_act'])}; gelu_new can be built`);
  }
  for (const field of ['num_hidden_groups', 'inner_group_num']) {
    if ((config[field] ?? 1) !== 1)
      throw new Error(`config.json: ${field} is ${String(config[field])}; one shared layer can be built`);
  }
  for (const field of COUNTS) {
    if (!Number.isSafeInteger(config[field]) || Number(config[field]) < 1) {
      throw new Error(`config.json: ${field} is ${String(config[field])}, not a count`);
    }
  }
  if (typeof config['layer_norm_eps'] !== 'number') throw new Error('config.json: layer_norm_eps is not a number');
  const read = config as unknown as AlbertConfig;
  if (read.hidden_size % read.num_attention_heads !== 0) {
    throw new Error('config.json: hidden_size is no multiple of num_attention_heads');
  }
  return read;
}
