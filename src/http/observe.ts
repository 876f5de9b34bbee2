/** What the owner of a deployment sees of each request: a line of the log, a data point, counters. Never a text. */
import type { Context, MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';

import type { CacheCounts } from '../pipelines/context.ts';
import { dataPoint, type Observation } from './observation.ts';
import { modelOf } from './models.ts';
import { checkSettings } from './settings.ts';
import type { Worker } from './worker.ts';

/** An error always is. */
function isLogged(env: Worker['Bindings'], status: number): boolean {
  const { REQUEST_LOG, LOG_SHARE = 1 } = checkSettings(env).values;
  return REQUEST_LOG === 'on' && (status >= 400 || Math.random() < LOG_SHARE);
}

/** Observes what the routes after it answer. */
export function observe(count: (observation: Observation) => void): MiddlewareHandler<Worker> {
  return async function observeRequest(c, next) {
    const start = performance.now();
    await next();
    const observation = observed(c, performance.now() - start);
    count(observation);
    if (isLogged(c.env, observation.status)) console.log(observation);
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
    model: modelOf(c),
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
