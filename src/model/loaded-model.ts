/** A model ready to answer: its manifest, tokenizer and backend. Does I/O through the store. */
import type { Backend, BackendKind } from '../inference/backend.ts';
import { createTokenizer, type Tokenizer } from '../tokenizer/tokenizer.ts';
import { type Manifest, objectKey } from './manifest.ts';
import { ModelObjectError, type ObjectStore, readModelFile } from './source.ts';

export interface LoadedModel {
  readonly manifest: Manifest;
  readonly tokenizer: Tokenizer;
  readonly backend: Backend;
}

/** @throws {ModelObjectError} when the store does not hold what the manifest lists, or holds what cannot be used */
export async function loadModel(store: ObjectStore, manifest: Manifest, kind: BackendKind): Promise<LoadedModel> {
  const [json, graph] = await Promise.all([
    readModelFile(store, manifest, 'tokenizer.json'),
    readModelFile(store, manifest, 'model.onnx'),
  ]);
  const use = async <T>(name: 'tokenizer.json' | 'model.onnx', make: () => T | Promise<T>): Promise<T> => {
    try {
      return await make();
    } catch (cause) {
      const key = objectKey(manifest.id, manifest.revision, name);
      throw new ModelObjectError(key, `cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
      });
    }
  };
  const tokenizer = await use('tokenizer.json', () =>
    createTokenizer(JSON.parse(new TextDecoder().decode(json)) as object, manifest),
  );
  const backend = await use('model.onnx', () => kind.create(graph));
  return { manifest, tokenizer, backend };
}
