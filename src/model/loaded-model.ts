/** A model ready to answer: its manifest, tokenizer and backend. Does I/O through the store. */
import type { Backend, BackendKind } from '../inference/backend.ts';
import { createTokenizer, type Tokenizer } from '../tokenizer/tokenizer.ts';
import { createUnigramTokenizer } from '../tokenizer/unigram.ts';
import { type Manifest, type ModelFile, objectKey } from './manifest.ts';
import { ModelObjectError, type ObjectStore, openModelFile, readModelFile } from './source.ts';

export interface LoadedModel {
  readonly manifest: Manifest;
  readonly tokenizer: Tokenizer;
  readonly backend: Backend;
}

/** @throws {ModelObjectError} when the store does not hold what the manifest lists, or holds what cannot be used */
export async function loadModel(store: ObjectStore, manifest: Manifest, kind: BackendKind): Promise<LoadedModel> {
  const use = async <T>(name: ModelFile, make: () => Promise<T>): Promise<T> => {
    try {
      return await make();
    } catch (cause) {
      if (cause instanceof ModelObjectError) throw cause;
      const key = objectKey(manifest.id, manifest.revision, name);
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ModelObjectError(key, `cannot be used: ${reason}`, { cause });
    }
  };
  const [tokenizer, backend] = await Promise.all([
    manifest.files.some(({ name }) => name === 'tokenizer.bin')
      ? use('tokenizer.bin', async () => createUnigramTokenizer(await readModelFile(store, manifest, 'tokenizer.bin')))
      : use('tokenizer.json', async () => {
          const json = await readModelFile(store, manifest, 'tokenizer.json');
          return createTokenizer(JSON.parse(new TextDecoder().decode(json)) as object, manifest);
        }),
    use(kind.file, async () => kind.create(await openModelFile(store, manifest, kind.file))),
  ]);
  return { manifest, tokenizer, backend };
}
