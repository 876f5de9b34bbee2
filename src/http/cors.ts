/** Cross-origin resource sharing: which pages may call the API, and what their scripts may read. No I/O. */
import { cors } from 'hono/cors';

import type { Settings } from './settings.ts';

/**
 * Request headers are mirrored, since clients send their own (`user-agent`, for example).
 * @param allowed undefined where the setting is wrong: then nothing is answered but what is wrong, and any page may read that
 */
export function crossOrigin(allowed: Settings['ALLOWED_ORIGINS'] = '*') {
  return cors({
    origin: allowed === '*' ? allowed : [...allowed],
    allowMethods: ['GET', 'HEAD', 'POST', 'OPTIONS'],
    exposeHeaders: ['etag', 'cache-status', 'server-timing', 'retry-after', 'www-authenticate', 'x-request-id'],
    maxAge: 86_400,
  });
}
