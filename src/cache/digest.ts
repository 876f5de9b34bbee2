/** Digests as names of cached values, so that neither a list of keys nor a log reveals a text. No I/O. */

/** What a key is made of. A field whose value is undefined is as one that is absent. */
export type Part =
  string | number | boolean | Int32Array | undefined | readonly Part[] | { readonly [name: string]: Part };

const [STRING, NUMBER, BOOLEAN, INTEGERS, LIST, FIELDS, NOTHING] = [1, 2, 3, 4, 5, 6, 7];
/** A kind and a length stand before the content of each part, so that no two different lists of parts are the same bytes. */
const FRAME_BYTES = 5;

/** Each byte in hex digits. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** @returns the SHA-256 over the parts, in hex digits */
export async function digestOf(parts: readonly Part[]): Promise<string> {
  const bytes = new Uint8Array(sizeOf(parts));
  write(parts, new DataView(bytes.buffer), 0);
  return toHex(await crypto.subtle.digest('SHA-256', bytes));
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

function sizeOf(part: Part): number {
  if (part === undefined) return FRAME_BYTES;
  if (typeof part === 'string') return FRAME_BYTES + 2 * part.length;
  if (typeof part === 'number') return FRAME_BYTES + 8;
  if (typeof part === 'boolean') return FRAME_BYTES + 1;
  if (part instanceof Int32Array) return FRAME_BYTES + 4 * part.length;
  if (isList(part)) return part.reduce<number>((size, one) => size + sizeOf(one), FRAME_BYTES);
  return fieldsOf(part).length;
}

/** @returns where it ends */
function write(part: Part, view: DataView, start: number): number {
  let at = start + FRAME_BYTES;
  const frame = (kind: number, length: number) => {
    view.setUint8(start, kind);
    view.setUint32(start + 1, length);
  };
  if (part === undefined) frame(NOTHING, 0);
  else if (typeof part === 'string') {
    frame(STRING, part.length);
    // In UTF-16: in UTF-8 all halves of surrogate pairs would be the same.
    for (let i = 0; i < part.length; i++, at += 2) view.setUint16(at, part.charCodeAt(i));
  } else if (typeof part === 'number') {
    frame(NUMBER, 1);
    view.setFloat64(at, part);
    at += 8;
  } else if (typeof part === 'boolean') {
    frame(BOOLEAN, 1);
    view.setUint8(at++, part ? 1 : 0);
  } else if (part instanceof Int32Array) {
    frame(INTEGERS, part.length);
    for (const value of part) {
      view.setInt32(at, value);
      at += 4;
    }
  } else if (isList(part)) {
    frame(LIST, part.length);
    for (const one of part) at = write(one, view, at);
  } else {
    const fields = fieldsOf(part);
    new Uint8Array(view.buffer).set(fields, start);
    at = start + fields.length;
  }
  return at;
}

/** `Array.isArray` does not know of readonly lists. */
const isList = (part: readonly Part[] | { readonly [name: string]: Part }): part is readonly Part[] =>
  Array.isArray(part);

const written = new WeakMap<object, Uint8Array>();

/**
 * Names and values by turns, in the order of the names: the order in which an object was filled does not count.
 * @param fields must not change afterwards: they are written once, since all keys of a request have the same
 */
function fieldsOf(fields: { readonly [name: string]: Part }): Uint8Array {
  const before = written.get(fields);
  if (before) return before;
  const given = Object.keys(fields).filter((name) => fields[name] !== undefined);
  const list = given.toSorted().flatMap((name) => [name, fields[name]]);
  const bytes = new Uint8Array(sizeOf(list));
  write(list, new DataView(bytes.buffer), 0);
  bytes[0] = FIELDS;
  written.set(fields, bytes);
  return bytes;
}
