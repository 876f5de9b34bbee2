/** Cross-origin resource sharing: which pages may call the API, and what their scripts may read. No I/O. */
import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';

import type { Settings } from './settings.ts';

const ALLOWED_HEADERS = 'access-control-allow-headers';
/** Names of headers (RFC 9110, 5.1), between commas. */
const NAMES = /^[\w!#$%&'*+.^`|~,-]*$/;

/**
 * Request headers are mirrored, since clients send their own (`user-agent`, for example).
 * @param allowed undefined where the setting is wrong: then nothing is answered but what is wrong, and any page may read that
 */
export function crossOrigin(allowed: Settings['ALLOWED_ORIGINS'] = '*'): MiddlewareHandler {
  const allow = cors({
    origin: allowed === '*' ? allowed : [...allowed],
    allowMethods: ['GET', 'HEAD', 'POST', 'OPTIONS'],
    exposeHeaders: ['etag', 'cache-status', 'server-timing', 'retry-after', 'www-authenticate', 'x-request-id'],
    maxAge: 86_400,
  });
  return async function crossOriginNames(c, next) {
    const preflight = await allow(c, next);
    const mirrored = preflight?.headers.get(ALLOWED_HEADERS) ?? '';
    // What is no list of names is not repeated. The response takes what is set in the context too.
    for (const { headers } of preflight && !NAMES.test(mirrored) ? [preflight, c.res] : [])
      headers.delete(ALLOWED_HEADERS);
    return preflight;
  };
}
