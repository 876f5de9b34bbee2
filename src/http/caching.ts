/** How long HTTP caches may keep a response: `Cache-Control`. No I/O. */
import type { Context } from 'hono';

import { hasKeys } from './authorize.ts';
import type { Worker } from './worker.ts';

/**
 * In seconds: a browser asks again after five minutes, a shared cache after an hour. That is for how long a new revision of the
 * model may stay unseen there. No stale-while-revalidate: beside s-maxage no shared cache may serve a stale answer (RFC 9111,
 * 5.2.2.10), and a browser would keep one for longer than five minutes.
 */
export const ANSWER_CACHE_CONTROL = 'public, max-age=300, s-maxage=3600';
/** Where a request needs a key. */
export const PRIVATE_CACHE_CONTROL = 'private, max-age=300';

/**
 * Of every response that has no `Cache-Control` of its own: errors of a GET are kept for seconds, unless the next request may have
 * another answer. Where a request needs a key, no caller gets what another one was answered, be it an error.
 */
export function setCaching(c: Context<Worker>): void {
  const { status, headers } = c.res;
  const own = headers.get('cache-control');
  // The page and the documents are for all.
  if (own?.startsWith('public')) return;
  if (own === null) {
    const isKept = c.req.method === 'GET' && status >= 400 && status < 500 && status !== 401 && status !== 429;
    const scope = hasKeys(c) ? 'private' : 'public';
    c.header('cache-control', isKept ? `${scope}, max-age=5` : 'no-store');
  }
  if (hasKeys(c)) c.header('vary', 'Authorization', { append: true });
}
