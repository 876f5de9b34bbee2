/** The tensor names of each family in `transformers`. No I/O. */
import type { Family } from './encoder.ts';

/** Names of tensors, or their prefixes: a matrix has `.weight` and `.bias`. */
export interface TensorNames {
  /** Prefix of the encoder's tensors. Files saved without a head lack it. */
  readonly prefix: string;
  readonly words: string;
  readonly positions: string;
  readonly types?: string;
  readonly norm: string;
  readonly projection?: string;
  layer(index: number, inner_group_num: number): string;
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly attention: string;
  readonly attentionNorm: string;
  readonly feedForward: string;
  readonly feedForwardOutput: string;
  readonly outputNorm: string;
  readonly mlmDense: string;
  readonly mlmNorm: string;
  readonly mlmBias: string;
  readonly decoder: string;
  readonly sentence?: { readonly head: 'sop' | 'nsp'; readonly pooler: string; readonly classifier: string };
}

const bertLike = (model: string) => ({
  prefix: `${model}.`,
  words: `${model}.embeddings.word_embeddings`,
  positions: `${model}.embeddings.position_embeddings`,
  norm: `${model}.embeddings.LayerNorm`,
});

/** Used by BERT and RoBERTa. */
const bertLayer = (model: string) => ({
  types: `${model}.embeddings.token_type_embeddings`,
  layer: (index: number) => `${model}.encoder.layer.${index}.`,
  query: 'attention.self.query',
  key: 'attention.self.key',
  value: 'attention.self.value',
  attention: 'attention.output.dense',
  attentionNorm: 'attention.output.LayerNorm',
  feedForward: 'intermediate.dense',
  feedForwardOutput: 'output.dense',
  outputNorm: 'output.LayerNorm',
});

const ROBERTA: TensorNames = {
  ...bertLike('roberta'),
  ...bertLayer('roberta'),
  mlmDense: 'lm_head.dense',
  mlmNorm: 'lm_head.layer_norm',
  mlmBias: 'lm_head.bias',
  decoder: 'lm_head.decoder',
};

export const TENSORS: Record<Family, TensorNames> = {
  albert: {
    ...bertLike('albert'),
    types: 'albert.embeddings.token_type_embeddings',
    projection: 'albert.encoder.embedding_hidden_mapping_in',
    layer: (index, inner) =>
      `albert.encoder.albert_layer_groups.${Math.floor(index / inner)}.albert_layers.${index % inner}.`,
    query: 'attention.query',
    key: 'attention.key',
    value: 'attention.value',
    attention: 'attention.dense',
    attentionNorm: 'attention.LayerNorm',
    feedForward: 'ffn',
    feedForwardOutput: 'ffn_output',
    outputNorm: 'full_layer_layer_norm',
    mlmDense: 'predictions.dense',
    mlmNorm: 'predictions.LayerNorm',
    mlmBias: 'predictions.bias',
    decoder: 'predictions.decoder',
    sentence: { head: 'sop', pooler: 'albert.pooler', classifier: 'sop_classifier.classifier' },
  },
  bert: {
    ...bertLike('bert'),
    ...bertLayer('bert'),
    mlmDense: 'cls.predictions.transform.dense',
    mlmNorm: 'cls.predictions.transform.LayerNorm',
    mlmBias: 'cls.predictions.bias',
    decoder: 'cls.predictions.decoder',
    sentence: { head: 'nsp', pooler: 'bert.pooler.dense', classifier: 'cls.seq_relationship' },
  },
  roberta: ROBERTA,
  camembert: ROBERTA,
  'xlm-roberta': ROBERTA,
  electra: {
    ...bertLike('electra'),
    ...bertLayer('electra'),
    projection: 'electra.embeddings_project',
    mlmDense: 'generator_predictions.dense',
    mlmNorm: 'generator_predictions.LayerNorm',
    mlmBias: 'generator_lm_head.bias',
    decoder: 'generator_lm_head',
  },
  distilbert: {
    ...bertLike('distilbert'),
    layer: (index) => `distilbert.transformer.layer.${index}.`,
    query: 'attention.q_lin',
    key: 'attention.k_lin',
    value: 'attention.v_lin',
    attention: 'attention.out_lin',
    attentionNorm: 'sa_layer_norm',
    feedForward: 'ffn.lin1',
    feedForwardOutput: 'ffn.lin2',
    outputNorm: 'output_layer_norm',
    mlmDense: 'vocab_transform',
    mlmNorm: 'vocab_layer_norm',
    mlmBias: 'vocab_projector.bias',
    decoder: 'vocab_projector',
  },
};
