/** A model that a deployment serves, as its isolate holds it. Does I/O through the store. */
import { CLOCK } from '../concurrency/clock.ts';
import { emitEvent } from '../concurrency/events.ts';
import type { RunQueue } from '../concurrency/run-queue.ts';
import { SharedValue } from '../concurrency/shared-value.ts';
import { ConfigurationError } from '../errors.ts';
import type { Backend, BackendKind, Encoding, Logits, Pause } from '../inference/backend.ts';
import { LOAD_LEASE_MS, LOAD_PAUSE_MS, RUN_LEASE_MS } from '../limits.ts';
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
  /** Whether it is being loaded, or a run goes on. Not while it makes no progress, since its request may have ended. */
  readonly isBusy: boolean;
  /** Releases the weights for good: requests that wait for their turn load the model again, as another one. */
  dispose(): Promise<void>;
}

/** The weights were released while a request waited for its turn: it has to load the model again. */
export class ModelEvicted extends Error {
  override readonly name = 'ModelEvicted';
}

/** The loads and runs of a model that go on, each with a lease. */
class Uses {
  readonly #until = new Map<object, number>();

  /** Counts from its first `extend`. */
  begin(): { extend(lease_ms: number): void; end(): void } {
    this.#forgetDead();
    const use = {};
    return {
      extend: (lease_ms) => void this.#until.set(use, CLOCK.now() + lease_ms),
      end: () => void this.#until.delete(use),
    };
  }

  get areAlive(): boolean {
    this.#forgetDead();
    return this.#until.size > 0;
  }

  #forgetDead(): void {
    const now = CLOCK.now();
    for (const [use, until] of this.#until) if (until <= now) this.#until.delete(use);
  }
}

/** Each logit is part of the sum of its row. */
const areFinite = ({ log_sum_exp, sentence }: Logits): boolean =>
  log_sum_exp.every(Number.isFinite) && sentence.every(Number.isFinite);

/** Its first error is the one to report. */
async function disposeBroken(backend: Backend): Promise<void> {
  await backend.dispose?.().catch(() => undefined);
}

/** What the models of an isolate share. */
interface Shared {
  readonly queue: RunQueue;
  /** Releases other models until one of this many bytes fits. */
  readonly makeRoom: (bytes: number, beat: () => void) => Promise<void>;
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
  /**
   * The only reference to the loaded backend between runs, so that a request that waits keeps no weights alive. Two backends of a
   * model never exist at once.
   */
  let last: { readonly backend: Backend; readonly model: LoadedModel } | undefined;
  let isReleased = false;
  const uses = new Uses();
  function requireKept(): void {
    if (isReleased) throw new ModelEvicted('another model has taken the memory');
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
    models.get(async (renew) => {
      const loading = uses.begin();
      const began = CLOCK.now();
      const beat = () => {
        renew();
        loading.extend(LOAD_LEASE_MS);
      };
      try {
        beginReads(store, kind.file, ...(tokenizers.current ? [] : ['tokenizer.bin' as const]));
        const read = await manifest(store);
        renew();
        await makeRoom(modelBytes(kind.file, read), beat);
        requireKept();
        // Both settle before the first error is thrown: a request that ends takes its unfinished reads with it.
        const [loaded, created] = await Promise.allSettled([
          tokenizer(store, false),
          loadBackend(store, read, kind, beat),
        ]);
        if (created.status === 'rejected') throw created.reason;
        try {
          if (loaded.status === 'rejected') throw loaded.reason;
          await checkModel(read, loaded.value.tokenizer, created.value, kind.file, max_work);
          requireKept();
          // Another request may have taken over meanwhile, and loaded a backend of its own.
          renew();
        } catch (error) {
          await disposeBroken(created.value);
          throw error;
        }
        const model: LoadedModel = { ...loaded.value, backend: { run }, queue, max_work };
        last = { backend: created.value, model };
        emitEvent({ event: 'model_loaded', model: selected, load_ms: CLOCK.now() - began });
        return model;
      } finally {
        loading.end();
      }
    });
  async function run(batch: readonly Encoding[], pause?: Pause): Promise<Logits[]> {
    const used = last;
    if (!used) throw new ModelEvicted('the weights were released');
    // A run that is interrupted between two steps leaves the backend as it was.
    const seen = { interruption: false };
    const running = uses.begin();
    const interruptible: Pause = (work) => {
      running.extend(RUN_LEASE_MS);
      return pause?.(work)?.catch((error: unknown) => {
        seen.interruption = true;
        throw error;
      });
    };
    running.extend(RUN_LEASE_MS);
    try {
      const logits = await used.backend.run(batch, interruptible);
      if (!logits.every(areFinite)) throw new Error('the logits are not finite numbers');
      return logits;
    } catch (error) {
      requireKept();
      // A failed run may leave any state behind. The requests that wait for their turn load the backend again.
      if (!seen.interruption && last === used) {
        last = undefined;
        models.drop(used.model);
        await disposeBroken(used.backend);
      }
      throw error;
    } finally {
      running.end();
    }
  }
  return {
    manifest,
    tokenizer,
    load,
    get isBusy() {
      return uses.areAlive;
    },
    async dispose() {
      isReleased = true;
      const released = last;
      last = undefined;
      await released?.backend.dispose?.();
    },
  };
}
