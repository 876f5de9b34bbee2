/** The one model that a deployment serves, as its isolate holds it. Does I/O through the store. */
import type { Backend, BackendKind } from '../inference/backend.ts';
import { loadBackend, type LoadedModel, type LoadedTokenizer, loadTokenizer } from './loaded-model.ts';
import type { Manifest } from './manifest.ts';
import { memoizeAsync } from './memoize-async.ts';
import { type ObjectStore, readManifest } from './bucket.ts';

export interface DeployedModel {
  /** Reads the manifest alone. */
  manifest(store: ObjectStore): Promise<Manifest>;
  /** Reads the manifest and the tokenizer. */
  tokenizer(store: ObjectStore): Promise<LoadedTokenizer>;
  /** Reads all of it, at the first call of the isolate. */
  load(store: ObjectStore): Promise<LoadedModel>;
}

/** The deployment's own settings are wrong; nothing that a caller does helps. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/**
 * @param selected the variable MODEL: `<id>@<revision>`
 * @throws {ConfigurationError} when it has another form
 */
export function deployedModel(selected: string, kind: BackendKind): DeployedModel {
  const [, id, revision] = /^([^@/]+)@([^@/]+)$/.exec(selected) ?? [];
  if (!id || !revision) {
    throw new ConfigurationError(`The variable MODEL is "${selected}": set it to <id>@<revision> in wrangler.toml.`);
  }
  const manifest = memoizeAsync((store: ObjectStore) => readManifest(store, id, revision));
  const tokenizer = memoizeAsync(async (store: ObjectStore) => {
    const read = await manifest(store);
    return { manifest: read, tokenizer: await loadTokenizer(store, read) };
  });
  const load = memoizeAsync(async (store: ObjectStore) => {
    const read = await manifest(store);
    const [{ tokenizer: loaded }, backend] = await Promise.all([tokenizer(store), loadBackend(store, read, kind)]);
    // Nobody knows what a failed run leaves in the memory of a backend: the next request gets a new one.
    const run: Backend['run'] = async (batch) => {
      try {
        return await backend.run(batch);
      } catch (error) {
        load.forget();
        throw error;
      }
    };
    return { manifest: read, tokenizer: loaded, backend: { run } };
  });
  return { manifest, tokenizer, load };
}
