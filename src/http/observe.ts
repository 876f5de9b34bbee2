/** What the owner of a deployment sees of each request: a line of the log, a data point, counters. Never a text. */
import type { Context, MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';

import type { CacheCounts } from '../pipelines/context.ts';
import { CLIENT_CLOSED } from './describe-error.ts';
import { dataPoint, type Observation } from './observation.ts';
import { modelOf } from './models.ts';
import { checkSettings } from './settings.ts';
import type { Ending } from './stream-json.ts';
import type { Worker } from './worker.ts';

/** An error always is. A client that has left is none. */
function isLogged(env: Worker['Bindings'], status: number): boolean {
  const { REQUEST_LOG, LOG_SHARE = 1 } = checkSettings(env).values;
  return REQUEST_LOG === 'on' && ((status >= 400 && status !== CLIENT_CLOSED) || Math.random() < LOG_SHARE);
}

/** Observes what the routes after it answer. */
export function observe(count: (observation: Observation) => void): MiddlewareHandler<Worker> {
  return async function observeRequest(c, next) {
    const start = performance.now();
    await next();
    const duration = performance.now() - start;
    const note = (ending: Ending): void => {
      const observation = observed(c, duration, ending);
      count(observation);
      if (isLogged(c.env, observation.status)) console.log(observation);
      c.env.ANALYTICS?.writeDataPoint(dataPoint(observation));
    };
    const stream = c.get('stream');
    if (stream && stream.ending === undefined) stream.onEnd = note;
    else note(stream?.ending ?? (c.req.raw.signal.aborted ? 'left' : 'sent'));
  };
}

/** @param ending of the answer. An error stays what it is */
function observed(c: Context<Worker>, duration: number, ending: Ending): Observation {
  const answered = c.get('answered');
  const lost = c.res.ok ? LOST[ending] : undefined;
  const error_type = lost?.error_type ?? c.get('error_type');
  const [caller, colo] = [c.get('caller_name'), c.req.raw.cf?.colo];
  const version = c.env.VERSION?.id;
  return {
    request_id: c.get('requestId'),
    method: c.req.method,
    route: routePath(c, -1),
    status: lost?.status ?? c.res.status,
    ...(error_type !== undefined && { error_type }),
    ...(answered && { cache: slowest(answered.cached) }),
    tokens: answered?.work.tokens ?? 0,
    multiply_adds: c.get('multiply_adds') ?? 0,
    model: modelOf(c),
    ...(version && { version }),
    ...(typeof colo === 'string' && { colo }),
    ...(caller !== undefined && { caller }),
    duration_ms: tenths(duration),
    queue_ms: tenths(c.get('queue_ms') ?? 0),
  };
}

/** What an answer was that its client did not get. */
const LOST = {
  sent: undefined,
  left: { status: CLIENT_CLOSED, error_type: 'client_closed' },
  failed: { status: 500, error_type: 'internal' },
} as const;

const tenths = (ms: number): number => Math.round(10 * ms) / 10;

function slowest({ edge, computed }: CacheCounts): 'isolate' | 'edge' | 'computed' {
  if (computed > 0) return 'computed';
  return edge > 0 ? 'edge' : 'isolate';
}
