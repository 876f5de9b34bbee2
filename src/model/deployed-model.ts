/** A model that a deployment serves, as its isolate holds it. Does I/O through the store. */
import type { RunQueue } from '../concurrency/run-queue.ts';
import { SharedValue } from '../concurrency/shared-value.ts';
import type { Backend, BackendKind, Encoding, Logits, Pause } from '../inference/backend.ts';
import { LOAD_LEASE_MS, LOAD_PAUSE_MS } from '../limits.ts';
import { readManifest } from './bucket.ts';
import { checkModel, loadBackend, type LoadedModel, type LoadedTokenizer, loadTokenizer } from './loaded-model.ts';
import { type Manifest, type ModelFile, objectKey } from './manifest.ts';
import { modelBytes } from './memory.ts';
import type { ObjectStore, ReadAhead } from './object-store.ts';

/** Requests share what is loaded and plain state, never a promise: each call does its own waiting. */
export interface DeployedModel {
  /** Reads the manifest alone. */
  manifest(store: ObjectStore): Promise<Manifest>;
  /**
   * Reads the manifest and the tokenizer.
   * @param expects_load whether the request will probably call `load`: the read of the weights begins meanwhile
   */
  tokenizer(store: ReadAhead, expects_load: boolean): Promise<LoadedTokenizer>;
  /** Reads all of it, at the first call of the isolate. */
  load(store: ReadAhead): Promise<LoadedModel>;
  /** Releases the weights, if they are loaded. */
  dispose(): Promise<void>;
}

/** The deployment's own settings are wrong; nothing that a caller does helps. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/** The model was released, to make room for another one, while a request waited for its turn. The same request succeeds later. */
export class ModelEvicted extends Error {
  override readonly name = 'ModelEvicted';
}

/** What the models of an isolate share. */
interface Shared {
  readonly queue: RunQueue;
  /** Releases other models until one of this many bytes fits. */
  readonly makeRoom: (bytes: number) => Promise<void>;
}

/**
 * @param selected of the variables MODEL and MORE_MODELS: `<id>@<revision>`
 * @param max_work multiply-adds of one request
 * @throws {ConfigurationError} when it has another form
 */
export function deployedModel(
  selected: string,
  kind: BackendKind,
  max_work: number,
  { queue, makeRoom }: Shared,
): DeployedModel {
  const [, id, revision] = /^([^@/]+)@([^@/]+)$/.exec(selected) ?? [];
  if (!id || !revision) {
    throw new ConfigurationError(
      `The variables MODEL and MORE_MODELS name the model "${selected}". Name it <id>@<revision> in wrangler.toml.`,
    );
  }
  const options = { lease_ms: LOAD_LEASE_MS, pause_ms: LOAD_PAUSE_MS };
  const manifests = new SharedValue<Manifest>(options);
  const tokenizers = new SharedValue<LoadedTokenizer>(options);
  const models = new SharedValue<LoadedModel>(options);
  /** The last backend, until it is disposed: two of a model never exist at once. */
  let last: Backend | undefined;
  async function disposeLast(): Promise<void> {
    const backend = last;
    last = undefined;
    await backend?.dispose?.();
  }

  const manifest = (store: ObjectStore) => manifests.get((beat) => readManifest(store, id, revision, beat));
  /** Without it the reads would wait for each other: the manifest says what is in the objects, not what they are called. */
  const beginReads = (store: ReadAhead, ...names: readonly ModelFile[]): void => {
    if (!manifests.current) store.begin(objectKey(id, revision, 'manifest.json'));
    for (const name of names) store.begin(objectKey(id, revision, name));
  };
  const tokenizer = (store: ReadAhead, expects_load: boolean) =>
    tokenizers.get(async (beat) => {
      beginReads(store, 'tokenizer.bin', ...(expects_load && !models.current ? [kind.file] : []));
      const read = await manifest(store);
      beat();
      return { manifest: read, tokenizer: await loadTokenizer(store, read, beat) };
    });
  const load = (store: ReadAhead) =>
    models.get(async (beat) => {
      beginReads(store, kind.file, ...(tokenizers.current ? [] : ['tokenizer.bin' as const]));
      const read = await manifest(store);
      beat();
      await disposeLast();
      await makeRoom(modelBytes(kind.file, read));
      // Both settle before the first error is thrown: a request that ends takes its unfinished reads with it.
      const [loaded, created] = await Promise.allSettled([
        tokenizer(store, false),
        loadBackend(store, read, kind, beat),
      ]);
      if (created.status === 'rejected') throw created.reason;
      last = created.value;
      if (loaded.status === 'rejected') throw loaded.reason;
      const { tokenizer: tokens } = loaded.value;
      await checkModel(read, tokens, created.value, kind.file, max_work);
      const model: LoadedModel = {
        manifest: read,
        tokenizer: tokens,
        backend: {
          async run(batch: readonly Encoding[], pause): Promise<Logits[]> {
            // A run that is interrupted between two steps leaves the backend as it was.
            const seen = { interruption: false };
            const interruptible: Pause = (work) =>
              pause?.(work)?.catch((error: unknown) => {
                seen.interruption = true;
                throw error;
              });
            try {
              return await created.value.run(batch, interruptible);
            } catch (error) {
              if (last !== created.value)
                throw new ModelEvicted('another model has taken the memory', { cause: error });
              // A failed run may leave any state behind: the next request loads the backend again.
              if (!seen.interruption) models.drop(model);
              throw error;
            }
          },
        },
        queue,
        max_work,
      };
      return model;
    });
  return { manifest, tokenizer, load, dispose: disposeLast };
}
