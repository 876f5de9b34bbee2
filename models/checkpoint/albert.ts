/**
 * An ALBERT checkpoint (Lan et al. 2020; tensor names as `AlbertForPreTraining` in transformers) as plain weights. No I/O.
 */
import type { EncoderConfig, EncoderWeights, LayerNorm, Linear } from './encoder.ts';
import { readSafetensors, type Tensor } from './safetensors.ts';

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
export function readAlbert(configJson: string, file: Uint8Array): EncoderWeights {
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
    layers: [
      {
        query: linear(`${layer}.attention.query`, H, H),
        key: linear(`${layer}.attention.key`, H, H),
        value: linear(`${layer}.attention.value`, H, H),
        attention: linear(`${layer}.attention.dense`, H, H),
        attentionNorm: norm(`${layer}.attention.LayerNorm`, H),
        feedForward: linear(`${layer}.ffn`, H, F),
        feedForwardOutput: linear(`${layer}.ffn_output`, F, H),
        outputNorm: norm(`${layer}.full_layer_layer_norm`, H),
      },
    ],
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

function readConfig(json: string): EncoderConfig {
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
  const read = config as unknown as EncoderConfig;
  if (read.hidden_size % read.num_attention_heads !== 0) {
    throw new Error('config.json: hidden_size is no multiple of num_attention_heads');
  }
  return read;
}
