/** Answers that any HTTP cache may keep: `ETag`, `If-None-Match` (RFC 9110, 8.8.3 and 13.1.2), `Cache-Control`. No I/O. */

/**
 * In seconds: a browser asks again after five minutes, a shared cache after an hour. That is for how long a new revision of the
 * model may stay unseen there. No stale-while-revalidate: beside s-maxage no shared cache may serve a stale answer (RFC 9111,
 * 5.2.2.10), and a browser would keep one for longer than five minutes.
 */
export const ANSWER_CACHE_CONTROL = 'public, max-age=300, s-maxage=3600';
/** Where a request needs a key. */
export const PRIVATE_CACHE_CONTROL = 'private, max-age=300';
export const ERROR_CACHE_CONTROL = 'public, max-age=5';

/** Of the bytes of an answer. */
export async function entityTag(body: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(body)));
  return `"${Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('')}"`;
}

/** By the weak comparison: W/ does not count. @param header of the request */
export function etagMatches(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === '*') return true;
  return Array.from(header.matchAll(/(?:W\/)?("[^"]*")/g), ([, opaque]) => opaque).includes(tag);
}
