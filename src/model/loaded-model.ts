/** A model ready to answer: its manifest, tokenizer and backend. Does I/O through the store. */
import type { Backend, BackendKind } from '../inference/backend.ts';
import { createTokenizer } from '../tokenizer/create-tokenizer.ts';
import { createUnigramTokenizer } from '../tokenizer/packed-unigram/create-tokenizer.ts';
import { type Manifest, type ModelFile, objectKey } from './manifest.ts';
import { ModelObjectError, type ObjectStore, openModelFile, readModelFile } from './bucket.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';

export interface LoadedTokenizer {
  readonly manifest: Manifest;
  readonly tokenizer: Tokenizer;
}

export interface LoadedModel extends LoadedTokenizer {
  readonly backend: Backend;
}

/** @throws {ModelObjectError} when the store does not hold what the manifest lists, or holds what cannot be used */
export async function loadTokenizer(store: ObjectStore, manifest: Manifest): Promise<Tokenizer> {
  const isBinary = manifest.files.some(({ name }) => name === 'tokenizer.bin');
  const name = isBinary ? 'tokenizer.bin' : 'tokenizer.json';
  return use(manifest, name, async () => {
    const bytes = await readModelFile(store, manifest, name);
    if (isBinary) return createUnigramTokenizer(bytes);
    return createTokenizer(JSON.parse(new TextDecoder().decode(bytes)) as object, manifest.special_tokens);
  });
}

/** @throws {ModelObjectError} likewise */
export async function loadBackend(store: ObjectStore, manifest: Manifest, kind: BackendKind): Promise<Backend> {
  return use(manifest, kind.file, async () => kind.create(await openModelFile(store, manifest, kind.file)));
}

async function use<T>(manifest: Manifest, name: ModelFile, make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (cause) {
    if (cause instanceof ModelObjectError) throw cause;
    const key = objectKey(manifest.id, manifest.revision, name);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ModelObjectError(key, `cannot be used: ${reason}`, { cause });
  }
}
