/** Schemas for the parts of a manifest that `GET /info` repeats. */
import * as v from 'valibot';

const count = v.pipe(v.number(), v.integer(), v.minValue(1));
const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));

/** The difference between the served weights and those of the checkpoint, measured over `masks` masks of the probe texts. */
const measured = {
  texts: count,
  masks: count,
  /** Share of masks with the same first choice as fp32. */
  top1_agreement: share,
  /** The same, over the masks where the first choice of fp32 leads by at least 0.1 logits. Older manifests lack it. */
  clear_masks: v.optional(count),
  clear_top1_agreement: v.optional(share),
  /** By the spread between texts. Older manifests lack the standard errors. */
  clear_top1_standard_error: v.optional(v.pipe(v.number(), v.minValue(0))),
  /** Mean Kullback-Leibler divergence of the served distribution from that of fp32, in nats. */
  mean_kl: v.pipe(v.number(), v.minValue(0)),
  mean_kl_standard_error: v.optional(v.pipe(v.number(), v.minValue(0))),
  /** The largest difference of a probability. */
  max_score_error: share,
};
const quantizationError = v.strictObject({
  ...measured,
  /** The same over running text. Older manifests lack it. */
  text: v.optional(v.strictObject(measured)),
});
export type QuantizationError = v.InferOutput<typeof quantizationError>;

/** `error` is missing until it is measured. */
export const quantization = v.strictObject({
  weights: v.string(),
  activations: v.string(),
  error: v.optional(quantizationError),
});

export const architecture = v.strictObject({
  family: v.picklist(['albert', 'bert', 'roberta', 'camembert', 'xlm-roberta', 'distilbert', 'electra']),
  vocab_size: count,
  embedding_size: count,
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  intermediate_size: count,
  max_position_embeddings: count,
});

export const heads = v.array(v.picklist(['mlm', 'sop', 'nsp']));
