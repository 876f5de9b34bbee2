/** What the owner of a deployment sees of each request: a line of the log, a data point, counters. Never a text. */
import type { Context, MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';

import type { CacheCounts } from '../pipelines/context.ts';
import { oneOf } from './variables.ts';
import type { Worker } from './worker.ts';

/** One request. */
export interface Observation {
  readonly request_id: string;
  readonly method: string;
  /** As the route is registered, so that no query and no unknown path is shown. */
  readonly route: string;
  readonly status: number;
  readonly error_type?: string;
  /** The slowest tier that was needed. */
  readonly cache?: 'isolate' | 'edge' | 'computed';
  /** Tokens that the model read for this request. */
  readonly tokens: number;
  /** Of the runs that this request asked for. */
  readonly multiply_adds: number;
  readonly model: string;
  /** Of the worker, as the platform names it. */
  readonly version?: string;
  /** The data center, by its airport; not known locally. */
  readonly colo?: string;
  /** `key:<digest>`, where there are API keys. */
  readonly caller?: string;
  /** In production, clocks stand still while a worker computes: this is the time of reads and waits. */
  readonly duration_ms: number;
}

/** Refuses a REQUEST_LOG that is neither "on" nor "off": the owner would wait for a log in vain. */
export const checkLog: MiddlewareHandler<Worker> = async function checkLog(c, next) {
  oneOf('REQUEST_LOG', c.env.REQUEST_LOG ?? 'off', ['on', 'off']);
  return next();
};

/** Observes what the routes after it answer. */
export function observe(count: (observation: Observation) => void): MiddlewareHandler<Worker> {
  return async function observeRequest(c, next) {
    const start = performance.now();
    await next();
    const observation = observed(c, performance.now() - start);
    count(observation);
    if (c.env.REQUEST_LOG === 'on') console.log(observation);
    c.env.ANALYTICS?.writeDataPoint(dataPoint(observation));
  };
}

function observed(c: Context<Worker>, duration: number): Observation {
  const answered = c.get('answered');
  const [error_type, caller, colo] = [c.get('error_type'), c.get('caller'), c.req.raw.cf?.colo];
  const version = c.env.VERSION?.id;
  return {
    request_id: c.get('requestId'),
    method: c.req.method,
    route: routePath(c, -1),
    status: c.res.status,
    ...(error_type !== undefined && { error_type }),
    ...(answered && { cache: slowest(answered.cached) }),
    tokens: answered?.work.tokens ?? 0,
    multiply_adds: c.get('multiply_adds') ?? 0,
    model: c.env.MODEL,
    ...(version && { version }),
    ...(typeof colo === 'string' && { colo }),
    ...(caller !== undefined && { caller }),
    duration_ms: Math.round(duration * 10) / 10,
  };
}

function slowest({ edge, computed }: CacheCounts): 'isolate' | 'edge' | 'computed' {
  if (computed > 0) return 'computed';
  return edge > 0 ? 'edge' : 'isolate';
}

/** The columns of a data point in Workers Analytics Engine, `blob1` and `double1` first. Data of before keeps its order: a new one is last. */
const BLOBS = ['route', 'status', 'error_type', 'cache', 'model', 'colo', 'method', 'version'] as const;
const DOUBLES = ['duration_ms', 'tokens', 'multiply_adds'] as const;

function dataPoint(seen: Observation): AnalyticsEngineDataPoint {
  return {
    indexes: [seen.caller ?? 'no key'],
    blobs: BLOBS.map((name) => String(seen[name] ?? '')),
    doubles: DOUBLES.map((name) => seen[name]),
  };
}
