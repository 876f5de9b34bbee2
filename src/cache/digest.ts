/** Digests as names of cached values, so that neither a list of keys nor a log reveals a text. No I/O. */

/** What a key is made of. A field whose value is undefined is as one that is absent. */
export type Part =
  string | number | boolean | Int32Array | undefined | readonly Part[] | { readonly [name: string]: Part };

/** Each byte in hex digits. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** @returns the SHA-256 over the parts, in hex digits */
export async function digestOf(parts: readonly Part[]): Promise<string> {
  return toHex(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(textOf(parts))));
}

/** @returns the HMAC-SHA-256 of a text, in hex digits: nobody without the secret can compute it */
export async function hmacOf(secret: string, text: string): Promise<string> {
  const encoder = new TextEncoder();
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', encoder.encode(secret), algorithm, false, ['sign']);
  return toHex(await crypto.subtle.sign('HMAC', key, encoder.encode(text)));
}

function toHex(bytes: ArrayBuffer): string {
  let hex = '';
  for (const byte of new Uint8Array(bytes)) hex += HEX[byte];
  return hex;
}

/**
 * No two different parts have the same text: it is JSON, which escapes single surrogates, and words without quotes for what JSON
 * does not have.
 */
function textOf(part: Part): string {
  if (typeof part === 'string') return JSON.stringify(part);
  if (typeof part !== 'object') return Object.is(part, -0) ? '-0' : String(part);
  if (part instanceof Int32Array) return `integers[${part.join(',')}]`;
  return isList(part) ? `[${part.map(textOf).join(',')}]` : fieldsOf(part);
}

/** `Array.isArray` does not know of readonly lists. */
const isList = (part: readonly Part[] | { readonly [name: string]: Part }): part is readonly Part[] =>
  Array.isArray(part);

const written = new WeakMap<object, string>();

/**
 * Names and values in the order of the names: the order in which an object was filled does not count.
 * @param fields must not change afterwards: they are written once, since all keys of a request have the same
 */
function fieldsOf(fields: { readonly [name: string]: Part }): string {
  const before = written.get(fields);
  if (before !== undefined) return before;
  const names = Object.keys(fields).filter((name) => fields[name] !== undefined);
  const text = `{${names
    .toSorted()
    .map((name) => `${JSON.stringify(name)}:${textOf(fields[name])}`)
    .join(',')}}`;
  written.set(fields, text);
  return text;
}
