/** The one model that a deployment serves, as its isolate holds it. Does I/O through the store. */
import type { Backend, BackendKind } from '../inference/backend.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { loadBackend, type LoadedModel, loadTokenizer } from './loaded-model.ts';
import type { Manifest } from './manifest.ts';
import { once } from './once.ts';
import { type ObjectStore, readManifest } from './source.ts';

export interface DeployedModel {
  /** Reads the manifest alone. */
  manifest(store: ObjectStore): Promise<Manifest>;
  /** Reads that and the tokenizer. */
  tokenizer(store: ObjectStore): Promise<Tokenizer>;
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
  const manifest = once((store: ObjectStore) => readManifest(store, id, revision));
  const tokenizer = once(async (store: ObjectStore) => loadTokenizer(store, await manifest(store)));
  const load = once(async (store: ObjectStore) => {
    const read = await manifest(store);
    const [tokens, backend] = await Promise.all([tokenizer(store), loadBackend(store, read, kind)]);
    // Nobody knows what a failed run leaves in the memory of a backend: the next request gets a new one.
    const run: Backend['run'] = async (batch) => {
      try {
        return await backend.run(batch);
      } catch (error) {
        load.forget();
        throw error;
      }
    };
    return { manifest: read, tokenizer: tokens, backend: { run } };
  });
  return { manifest, tokenizer, load };
}
