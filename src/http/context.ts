/** From a request to what a pipeline needs; the one file besides the routes that reads bindings. Does I/O. */
import type { Context } from 'hono';

import { createCaches } from '../cache/caches.ts';
import { EdgeCache } from '../cache/edge-cache.ts';
import type { CachePolicy } from '../cache/tiered-cache.ts';
import type { RequestError } from '../errors.ts';
import type { BackendKind } from '../inference/backend.ts';
import { type DeployedModel, ModelEvicted } from '../model/deployed-model.ts';
import { ModelObjectError } from '../model/bucket.ts';
import { checkLongestText, type LoadedTokenizer } from '../model/loaded-model.ts';
import { MAX_MODELS_BYTES, modelBytes } from '../model/memory.ts';
import { type ReadAhead, readAhead } from '../model/object-store.ts';
import { ServedModels } from '../model/served-models.ts';
import type { Answered, PipelineContext } from '../pipelines/context.ts';
import { type Job, RunQueue } from '../concurrency/run-queue.ts';
import { RUN_LEASE_MS, RUN_PATIENCE_MS, WORK_OF } from '../limits.ts';
import { ok, type Result } from '../result.ts';
import type { Models } from '../schemas/service.ts';
import { Budget } from './budget.ts';
import { cacheStatus } from './cache-status.ts';
import { infoOf } from './info.ts';
import { modelOf, servedModels } from './models.ts';
import { chargeWork, payableWork } from './rate-limit.ts';
import { serverTiming } from './server-timing.ts';
import { settingsOf } from './settings.ts';
import type { Worker } from './worker.ts';

/** What an isolate keeps between requests: the model and the caches. */
export function createIsolate(kind: BackendKind) {
  const caches = createCaches();
  const budget = new Budget();
  let models: ServedModels | undefined;
  const tokenizing = new RunQueue({
    max_work: Infinity,
    slice: Infinity,
    lease_ms: RUN_LEASE_MS,
    patience_ms: RUN_PATIENCE_MS,
  });

  async function inTurn<T>(length: number, encode: () => T): Promise<T> {
    const job = tokenizing.admit('', length) as Job;
    try {
      return await tokenizing.turn(
        job,
        length,
        () => undefined,
        async () => encode(),
      );
    } finally {
      tokenizing.end(job);
    }
  }

  const modelsOf = (c: Context<Worker>): ServedModels =>
    (models ??= new ServedModels(kind, requestWorkOf(c), MAX_MODELS_BYTES));
  const deployedModelOf = (c: Context<Worker>, how: 'get' | 'peek' = 'get'): DeployedModel =>
    modelsOf(c)[how](modelOf(c));

  /**
   * @param expects_load whether a request that needs the tokenizer will probably need the weights
   * @param how `peek` counts as no use of the model
   */
  function loads(c: Context<Worker>, expects_load = false, how: 'get' | 'peek' = 'get') {
    const store = paidReads(c, readAhead(c.env.MODELS));
    async function cancelAfterFailure<T>(load: Promise<T>): Promise<T> {
      try {
        return await load;
      } catch (error) {
        store.cancel();
        throw error;
      }
    }
    const settled = <T>(load: Promise<T>) => keepAlive(c, cancelAfterFailure(load));
    return {
      readManifest: () => settled(deployedModelOf(c, how).manifest(store)),
      loadTokenizer: async () => paidTokens(c, await settled(deployedModelOf(c, how).tokenizer(store, expects_load))),
      loadModel: async () => {
        const model = await settled(deployedModelOf(c, how).load(store));
        checkLongestText(model.manifest, kind.file, payableWork(c), 'EXPENSIVE_LIMIT');
        return paidTokens(c, model);
      },
      cancelReads: () => store.cancel(),
    };
  }

  /** Loads the model, unless another would have to leave for it: then the manifest has to do. @throws what the loads throw */
  async function checkReady(c: Context<Worker>): Promise<void> {
    const { readManifest, loadModel } = loads(c, true, 'peek');
    const manifest = await readManifest();
    checkLongestText(manifest, kind.file, requestWorkOf(c), 'MAX_REQUEST_GMACS');
    checkLongestText(manifest, kind.file, payableWork(c), 'EXPENSIVE_LIMIT');
    if (!modelsOf(c).reserve(modelOf(c), modelBytes(kind.file, manifest))) return;
    try {
      await loadModel();
    } catch (error) {
      if (!(error instanceof ModelEvicted)) throw error;
    }
  }

  /** Runs a pipeline, and sets the headers that say how its answer came about. */
  async function run<T>(
    c: Context<Worker>,
    pipeline: (context: PipelineContext) => Promise<Result<Answered<T>, RequestError>>,
  ): Promise<Result<T, RequestError>> {
    const policy = policyOf(c);
    const shows = showsCache(c);
    const { cancelReads, ...loaded } = loads(c, true);
    const found = await pipeline({
      model: modelOf(c),
      numerics: kind.numerics,
      ...loaded,
      loadModel: async () => ({
        ...(await loaded.loadModel()),
        max_work: maxWorkOf(c),
        reload: loaded.loadModel,
        charge: (work, beat) => chargeWork(c, work, beat),
        waited: (ms) => c.set('queue_ms', (c.get('queue_ms') ?? 0) + ms),
      }),
      caches,
      inTurn,
      signal: c.req.raw.signal,
      partition: partitionOf(c),
      policy: policy ?? {
        read: false,
        write: false,
        edge: undefined,
        ttl_s: 0,
        waitUntil: (work) => void keepAlive(c, work),
      },
    }).finally(cancelReads);
    if (!found.ok) return found;
    const { answers, work, cached } = found.value;
    c.set('answered', { work, cached });
    if (shows) {
      c.header('server-timing', serverTiming(work));
      c.header('cache-status', cacheStatus(cached, policy));
    }
    return ok(answers);
  }

  /** The cards of all models. A model that cannot be read has none. */
  async function describeModels(c: Context<Worker>): Promise<Models> {
    const served = servedModels(c.env);
    return Promise.all(served.map((name, i) => describeModel(c, name, i, served)));
  }

  async function describeModel(
    c: Context<Worker>,
    name: string,
    i: number,
    served: readonly string[],
  ): Promise<Models[number]> {
    const [id = '', revision = ''] = name.split('@');
    const isFirst = served.findIndex((other) => other.startsWith(`${id}@`)) === i;
    const about = { model: id, revision, path: `/models/${isFirst ? id : name}`, default: i === 0 };
    try {
      const manifest = await keepAlive(
        c,
        modelsOf(c)
          .peek(name)
          .manifest(paidReads(c, readAhead(c.env.MODELS))),
      );
      return { ...about, info: infoOf(manifest, kind, maxWorkOf(c)) };
    } catch (error) {
      if (error instanceof ModelObjectError) return about;
      throw error;
    }
  }

  return { run, loads, checkReady, describeModels, budget };
}

/** Multiply-adds that one request may ask for: no more than its caller can ever pay. */
export const maxWorkOf = (c: Context<Worker>): number => Math.min(requestWorkOf(c), payableWork(c));

const requestWorkOf = ({ env }: Context<Worker>): number => settingsOf(env).MAX_REQUEST_GMACS * 1e9;

/** @returns undefined where the deployment caches nothing */
function policyOf(c: Context<Worker>): CachePolicy | undefined {
  const { BASE_PATH, CACHE, CACHE_DAYS, CACHE_OPERATIONS, CACHE_SECRET } = settingsOf(c.env);
  if (CACHE === 'off') return undefined;
  const directives = (c.req.header('cache-control') ?? '').toLowerCase();
  const bypass = /\bno-(?:cache|store)\b/.test(directives) || c.req.header('x-use-cache') === 'false';
  const { origin, hostname } = new URL(c.req.url);
  // There the Cache API takes what it is given and keeps nothing.
  const isIgnored = hostname.endsWith('.workers.dev');
  return {
    read: !bypass,
    write: !/\bno-store\b/.test(directives),
    edge:
      CACHE_OPERATIONS > 0 && !isIgnored
        ? new EdgeCache(caches.default, origin + BASE_PATH, CACHE_OPERATIONS, CACHE_SECRET)
        : undefined,
    ttl_s: CACHE_DAYS * 24 * 3600,
    waitUntil: (work) => void keepAlive(c, work),
  };
}

/** Callers with keys share no entries, unless CACHE_SCOPE says so: an entry of another caller would tell what that one asked. */
function partitionOf(c: Context<Worker>): string {
  const { CACHE_EPOCH, CACHE_SCOPE } = settingsOf(c.env);
  return JSON.stringify([CACHE_EPOCH, CACHE_SCOPE === 'caller' ? c.get('caller') : undefined]);
}

/** Whether the headers may tell from which cache the answer came, and so that somebody asked the same before. */
function showsCache(c: Context<Worker>): boolean {
  const { CACHE_STATUS: shown } = settingsOf(c.env);
  return shown === 'all' || (shown === 'keys' && c.get('caller') !== undefined);
}

/** The same store. The request that reads an object pays for it, and others that wait for it do not. */
function paidReads(c: Context<Worker>, store: ReadAhead): ReadAhead {
  const payer = c.get('payer');
  if (!payer) return store;
  return {
    ...store,
    async get(key, rest) {
      const object = await store.get(key, rest);
      payer.debit(WORK_OF.read);
      if (object) payer.debit((object.size - (rest?.range.offset ?? 0)) * WORK_OF.loadedByte);
      return object;
    },
  };
}

/** The same, with a tokenizer that debits what it reads. */
function paidTokens<T extends LoadedTokenizer>(c: Context<Worker>, loaded: T): T {
  const payer = c.get('payer');
  if (!payer) return loaded;
  const { tokenizer } = loaded;
  const debit = (characters: number) => payer.debit(characters * WORK_OF.tokenizedCharacter);
  return {
    ...loaded,
    tokenizer: {
      ...tokenizer,
      encode(masked) {
        debit(masked.text.length);
        return tokenizer.encode(masked);
      },
      encodeIds(masked) {
        debit(masked.text.length);
        return tokenizer.encodeIds(masked);
      },
      encodeWords(text) {
        debit(text.length);
        return tokenizer.encodeWords(text);
      },
      encodePair(text, pair) {
        debit(text.length + pair.length);
        return tokenizer.encodePair(text, pair);
      },
      encodeTarget(target, before) {
        debit(before.length + target.length);
        return tokenizer.encodeTarget(target, before);
      },
    },
  };
}

/** Other requests may wait for the same work: it goes on when the client that began it leaves. */
function keepAlive<T>(c: Context<Worker>, shared: Promise<T>): Promise<T> {
  c.executionCtx.waitUntil(shared.catch(() => undefined));
  return shared;
}
