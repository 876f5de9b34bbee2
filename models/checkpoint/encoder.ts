/** The weights of an encoder-only model with a masked-LM head, in a form that no backend prefers. */

import type { Activation } from '../../src/inference/efm-format.ts';

/** y = x W + b. Like the checkpoint, this stores the transpose of W, (outputs, inputs). */
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
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
  readonly epsilon: number;
}

export type Family = 'albert' | 'bert' | 'roberta' | 'camembert' | 'xlm-roberta' | 'distilbert' | 'electra';

export interface EncoderConfig {
  readonly family: Family;
  readonly vocab_size: number;
  readonly embedding_size: number;
  readonly hidden_size: number;
  /** The number of applications; in an ALBERT with inner groups, each of a group's layers counts. */
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly intermediate_size: number;
  /** The longest sequence. */
  readonly max_position_embeddings: number;
  readonly type_vocab_size: number;
  readonly layer_norm_eps: number;
  readonly hidden_act: Activation;
  /** Of the MLM head, if it is not that of the layers. */
  readonly head_act?: Activation;
  /**
   * Rows of the position table in the checkpoint before the first position. If there are any, the last of them belongs to the padding
   * token, whose id is one less, and texts are numbered without padding tokens.
   */
  readonly position_offset: number;
  /** Whether the word embeddings are also the decoder. */
  readonly tie_word_embeddings: boolean;
  /** The number with their own weights; `layerOrder` (src/inference/efm-format.ts) gives the order of application. */
  readonly layers_stored: number;
  /** Stored layers that are applied as one (ALBERT); otherwise 1. */
  readonly inner_group_num: number;
}

/** From hidden_size to hidden_size; the feed-forward pair goes through intermediate_size. */
export interface Layer {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly attention: Linear;
  readonly attentionNorm: LayerNorm;
  readonly feedForward: Linear;
  readonly feedForwardOutput: Linear;
  readonly outputNorm: LayerNorm;
}

export interface EncoderWeights {
  readonly config: EncoderConfig;
  readonly embeddings: {
    /** (vocab_size, embedding_size); also the decoder of the masked-LM head, unless that has its own. */
    readonly words: Float32Array;
    /** (max_position_embeddings, embedding_size), and one more row for the padding token if there is a position_offset */
    readonly positions: Float32Array;
    /** (type_vocab_size, embedding_size) */
    readonly types: Float32Array;
    readonly norm: LayerNorm;
    /** embedding_size to hidden_size; in ALBERT, and in ELECTRA if the two differ. */
    readonly projection: Linear | undefined;
  };
  /** (layers_stored,) */
  readonly layers: readonly [Layer, ...Layer[]];
  readonly mlm: {
    /** hidden_size to embedding_size */
    readonly dense: Linear;
    readonly norm: LayerNorm;
    /** (vocab_size, embedding_size), if it is not the word embeddings. */
    readonly decoder: Float32Array | undefined;
    /** (vocab_size,) */
    readonly bias: Float32Array;
  };
  /**
   * For the first token: a pooler with tanh, then two logits. Sentence order (original, swapped) or next sentence (yes, no).
   */
  readonly sentence: { readonly head: 'sop' | 'nsp'; readonly pooler: Linear; readonly classifier: Linear } | undefined;
  /** Parts of the checkpoint that are left out, one sentence each. */
  readonly warnings?: readonly string[];
}
