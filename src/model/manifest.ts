/** What the bucket says of a model: `models/<id>/<revision>/manifest.json`. Parsing and checking only, no I/O. */
import * as v from 'valibot';

import { architecture, heads, quantization } from '../schemas/model.ts';
import { MODEL_ID, REVISION } from '../schemas/model-name.ts';

/** What a revision can hold. The graph and the engine's file are the same weights, for one backend each. */
const MODEL_FILES = ['model.onnx', 'model.efm', 'tokenizer.bin'] as const;
export type ModelFile = (typeof MODEL_FILES)[number];

const count = v.pipe(v.number(), v.integer(), v.minValue(1));
const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const manifest = v.strictObject({
  format: v.literal(3, 'this worker reads format 3: convert the model again, and push it'),
  id: v.pipe(v.string(), v.regex(MODEL_ID)),
  revision: v.pipe(v.string(), v.regex(REVISION)),
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

/** The key of a model's object in the bucket. */
export function objectKey(id: string, revision: string, name: ModelFile | 'manifest.json'): string {
  return `models/${id}/${revision}/${name}`;
}
