/** The weights of an encoder-only model with a masked-LM head, in no form that a backend would want in particular. */

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
  /** How many are applied; of an ALBERT with inner groups, each of a group's layers counts. */
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly intermediate_size: number;
  /** The longest sequence. */
  readonly max_position_embeddings: number;
  readonly type_vocab_size: number;
  readonly layer_norm_eps: number;
  /** By its error function, or by tanh. */
  readonly hidden_act: 'gelu' | 'gelu_new';
  /** Rows of the position table in the checkpoint that come before the first position. */
  readonly position_offset: number;
  /** Whether the words are the decoder as well. */
  readonly tie_word_embeddings: boolean;
  /** How many have weights of their own; `layerOrder` (src/inference/efm-format.ts) says when each is applied. */
  readonly layers_stored: number;
  /** Stored layers that are applied as one (ALBERT); 1 elsewhere. */
  readonly inner_group_num: number;
}

/** From hidden_size to hidden_size, but the feed-forward pair, which goes by way of intermediate_size. */
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
    /** (max_position_embeddings, embedding_size) */
    readonly positions: Float32Array;
    /** (type_vocab_size, embedding_size) */
    readonly types: Float32Array;
    readonly norm: LayerNorm;
    /** embedding_size to hidden_size; ALBERT has it, and ELECTRA where the two differ. */
    readonly projection: Linear | undefined;
  };
  /** (layers_stored,) */
  readonly layers: readonly [Layer, ...Layer[]];
  readonly mlm: {
    /** hidden_size to embedding_size */
    readonly dense: Linear;
    readonly norm: LayerNorm;
    /** (vocab_size, embedding_size), where it is not the words. */
    readonly decoder: Float32Array | undefined;
    /** (vocab_size,) */
    readonly bias: Float32Array;
  };
  /**
   * Over the first token: a pooler with tanh, then two logits. Sentence order (as it was, swapped) or next sentence (it is,
   * it is not).
   */
  readonly sentence: { readonly head: 'sop' | 'nsp'; readonly pooler: Linear; readonly classifier: Linear } | undefined;
  /** What was left out of the checkpoint, a sentence each. */
  readonly warnings?: readonly string[];
}
