/**
 * Finds the entries of a zip archive as PyTorch writes it: every entry is a range of the file. A compressed entry is refused, so
 * that nothing grows when it is read. No I/O.
 */
import { type ByteSource, type Fail, type Place, refuseOverlap } from './stored-tensor.ts';

const [LOCAL, CENTRAL, END, END_64, LOCATOR_64] = [0x04034b50, 0x02014b50, 0x06054b50, 0x06064b50, 0x07064b50];
const [LOCAL_BYTES, CENTRAL_BYTES, END_BYTES, END_64_BYTES, LOCATOR_BYTES] = [30, 46, 22, 56, 20];
/** A comment after the end, at most. */
const MAX_COMMENT = 0xffff;
/** Some hundred tensors have a directory of some ten kB. Each entry costs a read. */
const MAX_DIRECTORY_BYTES = 2 ** 20;
/** In a field of 32 bits: the number is in the extra field of zip64. */
const IN_EXTRA = 0xffffffff;
const EXTRA_64 = 1;
const ENCRYPTED = 1;

/**
 * @returns where the content of each entry lies, by name
 * @throws naming the entry that is wrong, or the end that is missing
 */
export function readZip(file: ByteSource, fail: Fail): Map<string, Place> {
  const { from, bytes } = findDirectory(file, fail);
  const view = new DataView(bytes.buffer);
  const entries = new Map<string, Place>();
  for (let at = 0; at < bytes.length;) {
    if (at + CENTRAL_BYTES > bytes.length || view.getUint32(at, true) !== CENTRAL)
      fail('its list of entries is damaged');
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) => view.getUint16(at + field, true)) as [
      number,
      number,
      number,
    ];
    const extra = at + CENTRAL_BYTES + nameBytes;
    const end = extra + extraBytes + commentBytes;
    if (end > bytes.length) fail('its list of entries is damaged');
    const name = new TextDecoder().decode(bytes.subarray(at + CENTRAL_BYTES, extra));
    if (entries.has(name)) fail(`it has two entries ${name}`);
    if (view.getUint16(at + 8, true) & ENCRYPTED) fail(`${name} is encrypted`);
    if (view.getUint16(at + 10, true) !== 0) fail(`${name} is compressed, which PyTorch never does`);
    const [whole, packed, header] = sizesOf(view, at, extra, extraBytes) ?? fail(`${name} has no sizes`);
    if (whole !== packed) fail(`${name} is stored in ${packed} bytes and says that it has ${whole}`);
    entries.set(name, placeOf(file, name, header, packed, from, fail));
    at = end;
  }
  refuseOverlap([...entries.values()], fail);
  return entries;
}

/** The list of all entries is at the end of the file. */
function findDirectory(file: ByteSource, fail: Fail): { from: number; bytes: Uint8Array<ArrayBuffer> } {
  const tail = Math.max(0, file.size - END_BYTES - MAX_COMMENT);
  const view = new DataView(file.read(tail, file.size).buffer);
  let at = view.byteLength - END_BYTES;
  while (
    at >= 0 &&
    !(view.getUint32(at, true) === END && at + END_BYTES + view.getUint16(at + 20, true) === view.byteLength)
  )
    at--;
  if (at < 0) return fail('it is cut off: the list of entries at its end is missing');
  let [length, from] = [view.getUint32(at + 12, true), view.getUint32(at + 16, true)];
  const locator = at - LOCATOR_BYTES;
  if (locator >= 0 && view.getUint32(locator, true) === LOCATOR_64) {
    const place = numberAt(view, locator + 8);
    if (place + END_64_BYTES > file.size) return fail('its list of entries is damaged');
    const end = new DataView(file.read(place, place + END_64_BYTES).buffer);
    if (end.getUint32(0, true) !== END_64) return fail('its list of entries is damaged');
    [length, from] = [numberAt(end, 40), numberAt(end, 48)];
  }
  if (length > MAX_DIRECTORY_BYTES)
    return fail(`its list of entries has ${length} bytes, more than ${MAX_DIRECTORY_BYTES}`);
  if (from + length > file.size) return fail('it is cut off: its list of entries is not where it says');
  return { from, bytes: file.read(from, from + length) };
}

/** The sizes unpacked and packed, and the place of the local header; undefined if the extra field of zip64 is too short. */
function sizesOf(view: DataView, at: number, extra: number, extraBytes: number): [number, number, number] | undefined {
  const sizes = [24, 20, 42].map((field) => view.getUint32(at + field, true)) as [number, number, number];
  if (!sizes.includes(IN_EXTRA)) return sizes;
  for (let field = extra; field + 4 <= extra + extraBytes; field += 4 + view.getUint16(field + 2, true)) {
    if (view.getUint16(field, true) !== EXTRA_64) continue;
    let next = field + 4;
    const end = Math.min(next + view.getUint16(field + 2, true), extra + extraBytes);
    const wide = sizes.map((size) => (size === IN_EXTRA && (next += 8) <= end ? numberAt(view, next - 8) : size));
    return next <= end ? (wide as [number, number, number]) : undefined;
  }
  return undefined;
}

/** The content follows a header with a name and a padding of its own. */
function placeOf(file: ByteSource, name: string, header: number, length: number, end: number, fail: Fail): Place {
  if (header + LOCAL_BYTES > end) return fail(`${name} is not where the list of entries says`);
  const view = new DataView(file.read(header, header + LOCAL_BYTES).buffer);
  if (view.getUint32(0, true) !== LOCAL) return fail(`${name} is not where the list of entries says`);
  const from = header + LOCAL_BYTES + view.getUint16(26, true) + view.getUint16(28, true);
  if (from + length > end) return fail(`${name} claims ${length} bytes, which the file does not have`);
  return { name, from, to: from + length };
}

/** 64 bits; a number beyond 2^53 is too large anyway. */
const numberAt = (view: DataView, at: number): number => Number(view.getBigUint64(at, true));
