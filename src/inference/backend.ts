/** The seam between the pipeline and what computes logits. Types only. */

/** One text as the model reads it. Made by a tokenizer; the arrays are not changed afterwards. */
export interface Encoding {
  /** (sequence,) token ids, with the special tokens at both ends. */
  readonly input_ids: Int32Array;
  /** (sequence,) 0 for the first segment, 1 for the second. */
  readonly token_type_ids: Int32Array;
  /** (masks,) where the mask tokens stand in `input_ids`, ascending. */
  readonly masked_positions: Int32Array;
}

/** What the model says of one text. */
export interface Logits {
  /** (masks, vocab_size), row-major: one row for each of `masked_positions`. */
  readonly mlm: Float32Array;
  /** (2,) sentence order: as it was, swapped. Empty for a model without that head. */
  readonly sop: Float32Array;
}

export interface Backend {
  /**
   * Logits for each text of the batch, in order. A text's logits do not depend on the others in its batch.
   * @throws when the runtime fails; bad input has been refused before.
   */
  run(batch: readonly Encoding[]): Promise<Logits[]>;
}

/** What a deployment chooses in its entry file. */
export interface BackendKind {
  /** As `GET /info` names it. */
  readonly name: string;
  /** @throws when the graph is none that the runtime can run */
  create(graph: Uint8Array): Promise<Backend>;
}
