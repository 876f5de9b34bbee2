/** What the bucket says of a model: `models/<id>/<revision>/manifest.json`. Parsing and checking only, no I/O. */
import * as v from 'valibot';

/** What a revision can hold. The graph and the engine's file are the same weights, for one backend each. */
export const MODEL_FILES = ['model.onnx', 'model.efm', 'tokenizer.json', 'tokenizer.bin'] as const;
export type ModelFile = (typeof MODEL_FILES)[number];
/** Those of them that a backend reads. */
export type WeightsFile = 'model.onnx' | 'model.efm';

const count = v.pipe(v.number(), v.integer(), v.minValue(1));
const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));

/** How far the served weights are from the checkpoint's, over `masks` masks of the probe texts. */
const quantizationError = v.strictObject({
  texts: count,
  masks: count,
  /** Share of masks where the first choice is that of fp32. */
  top1_agreement: share,
  /** The same for the masks where the first choice of fp32 leads the second by 0.1 logits or more. Not in older manifests. */
  clear_masks: v.optional(count),
  clear_top1_agreement: v.optional(share),
  /** Mean Kullback-Leibler divergence of the served from the fp32 distribution, in nats. */
  mean_kl: v.pipe(v.number(), v.minValue(0)),
  /** The largest difference of any probability. */
  max_score_error: share,
});
export type QuantizationError = v.InferOutput<typeof quantizationError>;

/** The error is missing until it is measured. */
export const quantization = v.strictObject({
  weights: v.string(),
  activations: v.string(),
  error: v.optional(quantizationError),
});

export const architecture = v.strictObject({
  family: v.picklist(['albert', 'bert', 'roberta', 'distilbert']),
  vocab_size: count,
  embedding_size: count,
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  intermediate_size: count,
  max_position_embeddings: count,
});

export const heads = v.array(v.picklist(['mlm', 'sop', 'nsp']));

const manifest = v.strictObject({
  format: v.literal(2),
  id: v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9._-]*$/)),
  revision: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)),
  files: v.pipe(
    v.array(v.strictObject({ name: v.picklist(MODEL_FILES), bytes: count, sha256 })),
    v.minLength(1),
    v.check((files) => new Set(files.map(({ name }) => name)).size === files.length, 'each file can be listed once'),
  ),
  architecture,
  special_tokens: v.strictObject({
    mask: v.strictObject({
      id: v.pipe(v.number(), v.integer(), v.minValue(0)),
      token: v.pipe(v.string(), v.minLength(1)),
    }),
    unk: v.strictObject({
      id: v.pipe(v.number(), v.integer(), v.minValue(0)),
      token: v.pipe(v.string(), v.minLength(1)),
    }),
  }),
  heads,
  /** How the weights in each file were rounded, and what that costs. */
  quantization: v.strictObject({ 'model.onnx': v.optional(quantization), 'model.efm': v.optional(quantization) }),
  license: v.string(),
  source: v.string(),
  /** SHA-256 of this document without this field, as `JSON.stringify` writes it: the revision covers the files only. */
  checksum: sha256,
});
export type Manifest = v.InferOutput<typeof manifest>;

/** @returns hex digits of the SHA-256. */
export async function sha256Hex(bytes: BufferSource): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The first 16 hex digits of the SHA-256 over the names and hashes of the files, sorted by name, a line each. */
export async function revisionOf(files: Manifest['files']): Promise<string> {
  const lines = files.map(({ name, sha256: hash }) => `${name} ${hash}\n`).toSorted();
  return (await sha256Hex(new TextEncoder().encode(lines.join('')))).slice(0, 16);
}

export async function sealManifest(unsealed: Omit<Manifest, 'checksum'>): Promise<Manifest> {
  return { ...unsealed, checksum: await sha256Hex(new TextEncoder().encode(JSON.stringify(unsealed))) };
}

/**
 * @param text the manifest as it was read
 * @returns the manifest, or what is wrong with it: not JSON, a field of another form, or a content that was altered
 */
export async function parseManifest(text: string, id: string, revision: string): Promise<Manifest | { wrong: string }> {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return { wrong: 'is not JSON' };
  }
  const parsed = v.safeParse(manifest, document);
  if (!parsed.success) {
    const issue = parsed.issues[0];
    return { wrong: `has a wrong ${v.getDotPath(issue) ?? 'form'}: ${issue.message}` };
  }
  // Not from the parsed copy: the order of the fields is part of what was sealed.
  const { checksum, ...rest } = document as Manifest;
  if ((await sealManifest(rest)).checksum !== checksum) return { wrong: 'was altered: its checksum does not fit' };
  if (parsed.output.id !== id || parsed.output.revision !== revision) {
    return { wrong: `belongs to ${parsed.output.id}@${parsed.output.revision}` };
  }
  if ((await revisionOf(parsed.output.files)) !== revision) return { wrong: 'lists files of another revision' };
  return parsed.output;
}

/** Where a model's object lies in the bucket. */
export function objectKey(id: string, revision: string, name: ModelFile | 'manifest.json'): string {
  return `models/${id}/${revision}/${name}`;
}
