/** A model of a few bytes in a store of plain data, for backends that a test makes up. */
import { packTokenizer } from '../../../models/tokenizer/pack.ts';
import type { Backend, BackendKind, Encoding, Logits } from '../../../src/inference/backend.ts';
import { type Manifest, objectKey, revisionOf, sealManifest, sha256Hex } from '../../../src/model/manifest.ts';
import type { ObjectStore } from '../../../src/model/object-store.ts';
import { bertJson } from '../tokenizer/small-tokenizers.ts';

const VOCABULARY = Object.keys(bertJson().model['vocab'] as object).length;

/** @returns the name of the model, `<id>@<revision>`, and a store that holds it */
export async function smallModel(
  id = 'small',
  max_position_embeddings = 16,
  architecture: Partial<Manifest['architecture']> = {},
): Promise<{ name: string; store: ObjectStore }> {
  const contents = { 'tokenizer.bin': packTokenizer(bertJson()), 'model.efm': new Uint8Array(64) };
  const files = await Promise.all(
    Object.entries(contents).map(async ([name, bytes]) => ({
      name: name as keyof typeof contents,
      bytes: bytes.length,
      sha256: await sha256Hex(bytes),
    })),
  );
  const revision = await revisionOf(files);
  const manifest: Omit<Manifest, 'checksum'> = {
    format: 3,
    id,
    revision,
    files,
    architecture: {
      family: 'bert',
      vocab_size: VOCABULARY,
      embedding_size: 8,
      hidden_size: 8,
      intermediate_size: 8,
      num_hidden_layers: 1,
      num_attention_heads: 1,
      max_position_embeddings,
      ...architecture,
    },
    special_tokens: { mask: { id: 4, token: '[MASK]' }, unk: { id: 1, token: '[UNK]' } },
    heads: ['mlm'],
    quantization: {},
    license: 'none',
    source: 'none',
  };
  const objects = new Map<string, Uint8Array<ArrayBuffer>>([
    [
      objectKey(id, revision, 'manifest.json'),
      new Uint8Array(new TextEncoder().encode(JSON.stringify(await sealManifest(manifest)))),
    ],
    ...Object.entries(contents).map(
      ([name, bytes]) => [objectKey(id, revision, name as keyof typeof contents), bytes] as const,
    ),
  ]);
  const store: ObjectStore = {
    async get(key) {
      const bytes = objects.get(key);
      return bytes ? { size: bytes.length, etag: key, body: new Blob([bytes]).stream() } : null;
    },
  };
  return { name: `${id}@${revision}`, store };
}

/** Logits of which all are this number. */
export const logitsOf = (batch: readonly Encoding[], logit = 0): Logits[] =>
  batch.map(({ masked_positions: { length } }) => ({
    mlm: new Float32Array(length * VOCABULARY).fill(logit),
    log_sum_exp: new Float64Array(length).fill(logit + Math.log(VOCABULARY)),
    sentence: new Float32Array(),
  }));

/** A kind of backend. @param create is called when the file was read */
export const kindOf = (create: () => Backend): BackendKind => ({
  description: { name: 'made up', build: '', instruction_set: '' },
  numerics: 'made up',
  file: 'model.efm',
  async create(file) {
    await file.read(() => undefined);
    return create();
  },
});
