/** The interface between the pipelines and what computes logits. Types only. */

/** The files of a revision that hold weights: a backend reads one of them. */
export type WeightsFile = 'model.onnx' | 'model.efm';

/** One text as the model reads it. Made by a tokenizer; the arrays are not changed afterwards. */
export interface Encoding {
  /** (sequence,) token ids, with the special tokens at both ends. */
  readonly input_ids: Int32Array;
  /** (sequence,) 0 for the first segment, 1 for the second. */
  readonly token_type_ids: Int32Array;
  /** (masks,) positions of the mask tokens in `input_ids`, ascending; none if only the sentence head is used. */
  readonly masked_positions: Int32Array;
}

/** What the model predicts for one text. */
export interface Logits {
  /** (masks, vocab_size), row-major: one row for each of `masked_positions`. */
  readonly mlm: Float32Array;
  /** (masks,) log Σ e^logit over each row, which makes a logit the logarithm of a probability. */
  readonly log_sum_exp: Float64Array;
  /**
   * (2,) sentence order (as it was, swapped) or next sentence (it is, it is not), as the manifest's `heads` say. Empty for a
   * model without such a head.
   */
  readonly sentence: Float32Array;
}

/** Called during a long run with the multiply-adds since the last call. @returns a promise to await, where it is time to yield */
export type Pause = (work: number) => Promise<void> | undefined;

export interface Backend {
  /**
   * Logits for each text of the batch, in order. A text's logits do not depend on the others in its batch.
   * Runs must not overlap. A run whose `pause` throws leaves the backend ready for the next.
   * @throws when the runtime fails; bad input has been refused before.
   */
  run(batch: readonly Encoding[], pause?: Pause): Promise<Logits[]>;
  /** What the file of weights says of itself, as far as it does: it must be what the manifest says. */
  readonly architecture?: Readonly<Record<string, unknown>>;
  /** Releases what the garbage collector does not. */
  dispose?(): Promise<void>;
}

/** A model file on its way from the store. It can be read once. */
export interface ModelBytes {
  readonly size: number;
  /**
   * Reads the file piece by piece, in order, `size` bytes in all. The buffer is reused after `take` returns; copy what you keep.
   * @throws what `take` throws, and when the store fails or has fewer or more bytes
   */
  read(take: (piece: Uint8Array) => void): Promise<void>;
  /** @throws unless these are the bytes that the file should have */
  verify(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** What a deployment chooses in its entry file. */
export interface BackendKind {
  /** As `GET /info` says it. */
  readonly description: { readonly name: string; readonly build: string; readonly instruction_set: string };
  /** Names the arithmetic: where it is the same, so are the logits of the same file. */
  readonly numerics: string;
  /** Which file of a revision it reads. */
  readonly file: WeightsFile;
  /** @throws when the file cannot be read, or is none that it can run */
  create(file: ModelBytes): Promise<Backend>;
}
