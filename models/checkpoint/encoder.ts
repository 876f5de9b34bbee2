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
  readonly gain: Float32Array;
  readonly bias: Float32Array;
  readonly epsilon: number;
}

export interface EncoderConfig {
  readonly vocab_size: number;
  readonly embedding_size: number;
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly intermediate_size: number;
  readonly max_position_embeddings: number;
  readonly type_vocab_size: number;
  readonly layer_norm_eps: number;
  /** By its error function, or by tanh. */
  readonly hidden_act: 'gelu' | 'gelu_new';
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
    /** (vocab_size, embedding_size); also the decoder of the masked-LM head. */
    readonly words: Float32Array;
    /** (max_position_embeddings, embedding_size) */
    readonly positions: Float32Array;
    /** (type_vocab_size, embedding_size) */
    readonly types: Float32Array;
    readonly norm: LayerNorm;
    /** embedding_size to hidden_size; only ALBERT has it. */
    readonly projection: Linear | undefined;
  };
  /** One for each layer; a single one where all share it. */
  readonly layers: readonly [Layer, ...Layer[]];
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
