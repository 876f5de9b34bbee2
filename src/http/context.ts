/** From a request to what a pipeline needs; the one file besides the routes that reads bindings. Does I/O. */
import type { Context } from 'hono';

import { createCaches } from '../cache/caches.ts';
import { EdgeCache } from '../cache/edge-cache.ts';
import type { CachePolicy } from '../cache/tiered-cache.ts';
import type { RequestError } from '../errors.ts';
import type { BackendKind } from '../inference/backend.ts';
import { DEFAULT_CACHE_DAYS, DEFAULT_MAX_REQUEST_WORK } from '../limits.ts';
import { ConfigurationError, type DeployedModel, deployedModel } from '../model/deployed-model.ts';
import type { Answered, PipelineContext } from '../pipelines/context.ts';
import { ok, type Result } from '../result.ts';
import { cacheStatus } from './cache-status.ts';
import { chargeWork } from './rate-limit.ts';
import { serverTiming } from './server-timing.ts';
import { oneOf } from './variables.ts';
import type { Worker } from './worker.ts';

/** What an isolate keeps between requests: the model and the caches. */
export function createIsolate(kind: BackendKind) {
  const caches = createCaches();
  let selected: { readonly name: string; readonly model: DeployedModel } | undefined;

  function modelOf(c: Context<Worker>): DeployedModel {
    const { MODEL } = c.env;
    if (selected?.name !== MODEL) {
      const model = deployedModel(MODEL, kind, maxWorkOf(c));
      if (selected) void keepAlive(c, selected.model.dispose());
      selected = { name: MODEL, model };
    }
    return selected.model;
  }

  const loads = (c: Context<Worker>) => ({
    readManifest: () => keepAlive(c, modelOf(c).manifest(c.env.MODELS)),
    loadTokenizer: () => keepAlive(c, modelOf(c).tokenizer(c.env.MODELS)),
    loadModel: () => keepAlive(c, modelOf(c).load(c.env.MODELS)),
  });

  /** Runs a pipeline, and sets the headers that say how its answer came about. */
  async function run<T>(
    c: Context<Worker>,
    pipeline: (context: PipelineContext) => Promise<Result<Answered<T>, RequestError>>,
  ): Promise<Result<T, RequestError>> {
    const policy = policyOf(c);
    const shows = showsCache(c);
    const loaded = loads(c);
    const found = await pipeline({
      model: c.env.MODEL,
      numerics: kind.numerics,
      ...loaded,
      loadModel: async () => ({ ...(await loaded.loadModel()), charge: (work) => chargeWork(c, work) }),
      caches,
      signal: c.req.raw.signal,
      partition: partitionOf(c),
      policy: policy ?? {
        read: false,
        write: false,
        edge: undefined,
        ttl_s: 0,
        waitUntil: (work) => void keepAlive(c, work),
      },
    });
    if (!found.ok) return found;
    const { answers, work, cached } = found.value;
    c.set('answered', { work, cached });
    if (shows) {
      c.header('server-timing', serverTiming(work));
      c.header('cache-status', cacheStatus(cached, policy));
    }
    return ok(answers);
  }

  return { run, loads };
}

/** Multiply-adds that one request may ask for. */
export function maxWorkOf({ env }: Context<Worker>): number {
  const given = env.MAX_REQUEST_GMACS;
  if (given === undefined) return DEFAULT_MAX_REQUEST_WORK;
  const work = Number(given) * 1e9;
  if (work > 0 && Number.isFinite(work)) return work;
  throw new ConfigurationError(`The variable MAX_REQUEST_GMACS is "${given}". Set it to a positive number.`);
}

/** @returns undefined where the deployment caches nothing */
function policyOf(c: Context<Worker>): CachePolicy | undefined {
  if (oneOf('CACHE', c.env.CACHE, ['on', 'off']) === 'off') return undefined;
  const directives = (c.req.header('cache-control') ?? '').toLowerCase();
  const bypass = /\bno-(?:cache|store)\b/.test(directives) || c.req.header('x-use-cache') === 'false';
  return {
    read: !bypass,
    write: !/\bno-store\b/.test(directives),
    edge: new EdgeCache(caches.default, new URL(c.req.url).origin),
    ttl_s: cacheDays(c) * 24 * 3600,
    waitUntil: (work) => void keepAlive(c, work),
  };
}

function cacheDays({ env }: Context<Worker>): number {
  const days = Number(env.CACHE_DAYS ?? DEFAULT_CACHE_DAYS);
  if (days > 0 && days <= 365) return days;
  throw new ConfigurationError(`The variable CACHE_DAYS is "${env.CACHE_DAYS}". Set it to a number of days up to 365.`);
}

/** Callers with keys share no entries, unless CACHE_SCOPE says so: an entry of another caller would tell what that one asked. */
function partitionOf(c: Context<Worker>): string {
  const scope = oneOf('CACHE_SCOPE', c.env.CACHE_SCOPE ?? 'caller', ['caller', 'shared']);
  return JSON.stringify([c.env.CACHE_EPOCH, scope === 'caller' ? c.get('caller') : undefined]);
}

/** Whether the headers may tell from which cache the answer came, and so that somebody asked the same before. */
function showsCache(c: Context<Worker>): boolean {
  const shown = oneOf('CACHE_STATUS', c.env.CACHE_STATUS ?? 'keys', ['all', 'keys', 'none']);
  return shown === 'all' || (shown === 'keys' && c.get('caller') !== undefined);
}

/** Other requests may wait for the same work: it goes on when the client that began it leaves. */
function keepAlive<T>(c: Context<Worker>, shared: Promise<T>): Promise<T> {
  c.executionCtx.waitUntil(shared.catch(() => undefined));
  return shared;
}
