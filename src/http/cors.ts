/** Cross-origin resource sharing: which pages may call the API, and what their scripts may read. No I/O. */
import { cors } from 'hono/cors';

/**
 * Request headers are mirrored, since clients send their own (`user-agent`, for example).
 * @param allowed the variable ALLOWED_ORIGINS: `*`, or origins separated by commas
 */
export function crossOrigin(allowed: string) {
  return cors({
    origin: allowed.trim() === '*' ? '*' : allowed.split(',').map((origin) => origin.trim()),
    allowMethods: ['GET', 'HEAD', 'POST', 'OPTIONS'],
    exposeHeaders: ['etag', 'cache-status', 'server-timing', 'retry-after', 'www-authenticate', 'x-request-id'],
    maxAge: 86_400,
  });
}
