/** `ETag` and `If-None-Match` (RFC 9110, 8.8.3 and 13.1.2). No I/O. */

/** @returns the tag of these bytes: an answer with the same tag is the same */
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
