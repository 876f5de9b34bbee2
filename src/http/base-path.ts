/** BASE_PATH: the path below which a deployment answers, where no proxy takes it off. No I/O. */
import type { Context, MiddlewareHandler } from 'hono';
import { getPathNoStrict } from 'hono/utils/url';

import type { HttpError } from './describe-error.ts';
import { respondError } from './errors.ts';
import { checkSettings, settingsOf } from './settings.ts';
import type { Worker } from './worker.ts';

/** What the router is given for a path outside BASE_PATH. It matches no route. */
const OUTSIDE = '/:outside';

/** Empty at the root, and where BASE_PATH is wrong. */
export const basePathOf = ({ env }: Pick<Context<Worker>, 'env'>): string => checkSettings(env).values.BASE_PATH ?? '';

/** The path by which the router finds a route. A slash at the end is tolerated. It never throws: the router has no handler for that. */
export function pathInside(request: Request, { env }: { env?: Worker['Bindings'] } = {}): string {
  const path = getPathNoStrict(request);
  const base = env ? basePathOf({ env }) : '';
  if (base === '') return path;
  if (!`${path}/`.startsWith(`${base}/`)) return OUTSIDE;
  const inside = path.slice(base.length);
  return inside === '' ? '/' : inside;
}

/** Refuses a request outside BASE_PATH, and every request where it is wrong: then no route is known. */
export const requireBasePath: MiddlewareHandler<Worker> = async function requireBasePath(c, next) {
  const isKnown = checkSettings(c.env).values.BASE_PATH !== undefined;
  // This route says itself what is wrong.
  if (!isKnown && c.req.path !== '/ready') settingsOf(c.env);
  return c.req.path === OUTSIDE ? respondError(c, nothingAt(c)) : next();
};

/** The error names the whole path, as the client sent it. */
export function nothingAt(c: Context<Worker>): HttpError {
  return { reason: 'not_found', path: getPathNoStrict(c.req.raw), base: basePathOf(c) };
}
