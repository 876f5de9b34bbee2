/** Which pages may call the API, and what their scripts may read of an answer. No I/O. */
import { cors } from 'hono/cors';

/** @param allowed the variable ALLOWED_ORIGINS: `*`, or origins separated by commas */
export function crossOrigin(allowed: string) {
  return cors({
    origin: allowed.trim() === '*' ? '*' : allowed.split(',').map((origin) => origin.trim()),
    allowMethods: ['GET', 'HEAD', 'POST', 'OPTIONS'],
    allowHeaders: ['content-type', 'authorization', 'cache-control', 'x-use-cache', 'if-none-match'],
    exposeHeaders: ['etag', 'cache-status', 'server-timing', 'retry-after'],
    maxAge: 86_400,
  });
}
