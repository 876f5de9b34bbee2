/** The one model that a deployment serves, as its isolate holds it. Does I/O through the store. */
import { RunQueue } from '../concurrency/run-queue.ts';
import { SharedValue } from '../concurrency/shared-value.ts';
import type { Backend, BackendKind, Encoding, Logits, Pause } from '../inference/backend.ts';
import {
  DEFAULT_MAX_REQUEST_WORK,
  LOAD_LEASE_MS,
  LOAD_PAUSE_MS,
  MAX_ADMITTED_WORK,
  RUN_LEASE_MS,
  RUN_PATIENCE_MS,
  SLICE_WORK,
} from '../limits.ts';
import { type ObjectStore, readManifest } from './bucket.ts';
import { checkModel, loadBackend, type LoadedModel, type LoadedTokenizer, loadTokenizer } from './loaded-model.ts';
import type { Manifest } from './manifest.ts';

/** Requests share what is loaded and plain state, never a promise: each call does its own waiting. */
export interface DeployedModel {
  /** Reads the manifest alone. */
  manifest(store: ObjectStore): Promise<Manifest>;
  /** Reads the manifest and the tokenizer. */
  tokenizer(store: ObjectStore): Promise<LoadedTokenizer>;
  /** Reads all of it, at the first call of the isolate. */
  load(store: ObjectStore): Promise<LoadedModel>;
  /** Releases the weights, if they are loaded. */
  dispose(): Promise<void>;
}

/** The deployment's own settings are wrong; nothing that a caller does helps. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/**
 * @param selected the variable MODEL: `<id>@<revision>`
 * @param max_work multiply-adds of one request
 * @throws {ConfigurationError} when it has another form
 */
export function deployedModel(
  selected: string,
  kind: BackendKind,
  max_work: number = DEFAULT_MAX_REQUEST_WORK,
): DeployedModel {
  const [, id, revision] = /^([^@/]+)@([^@/]+)$/.exec(selected) ?? [];
  if (!id || !revision) {
    throw new ConfigurationError(`The variable MODEL is "${selected}". Set it to <id>@<revision> in wrangler.toml.`);
  }
  const options = { lease_ms: LOAD_LEASE_MS, pause_ms: LOAD_PAUSE_MS };
  const manifests = new SharedValue<Manifest>(options);
  const tokenizers = new SharedValue<LoadedTokenizer>(options);
  const models = new SharedValue<LoadedModel>(options);
  const queue = new RunQueue({
    max_work: Math.max(MAX_ADMITTED_WORK, max_work),
    slice: SLICE_WORK,
    lease_ms: RUN_LEASE_MS,
    patience_ms: RUN_PATIENCE_MS,
  });
  /** The last backend, until it is disposed: two never exist at once. */
  let last: Backend | undefined;
  async function disposeLast(): Promise<void> {
    const backend = last;
    last = undefined;
    await backend?.dispose?.();
  }

  const manifest = (store: ObjectStore) => manifests.get((beat) => readManifest(store, id, revision, beat));
  const tokenizer = (store: ObjectStore) =>
    tokenizers.get(async (beat) => {
      const read = await manifest(store);
      return { manifest: read, tokenizer: await loadTokenizer(store, read, beat) };
    });
  const load = (store: ObjectStore) =>
    models.get(async (beat) => {
      const read = await manifest(store);
      beat();
      await disposeLast();
      // Both settle before the first error is thrown: a request that ends takes its unfinished reads with it.
      const [loaded, created] = await Promise.allSettled([tokenizer(store), loadBackend(store, read, kind, beat)]);
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
