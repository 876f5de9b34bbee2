/** JSON in parts, so that an isolate never holds all of a large answer. No I/O. */
import { STREAM_PART_BYTES } from '../limits.ts';

/** Nested arrays, with leaves that are made when they are written. */
export type LazyJson = (() => unknown) | readonly LazyJson[];

/**
 * @param end is called at the end of a stream, with whether the client has left before
 * @param made is called for each part, before the client has it
 * @returns the bytes where they are less than one part, and else a stream of parts. It is pulled by the client: what was not read
 * yet is not made yet.
 */
export function writeJson(
  value: LazyJson,
  end?: (hasLeft: boolean) => void,
  made: (bytes: number) => void = () => undefined,
): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> {
  const parts = partsOf(value);
  const next = () => {
    const part = parts.next().value;
    if (part) made(part.length);
    return part;
  };
  const first = next() ?? new Uint8Array();
  if (first.length < STREAM_PART_BYTES) return first;
  let begun = false;
  return new ReadableStream({
    pull(controller) {
      const part = begun ? next() : first;
      begun = true;
      if (part) {
        controller.enqueue(part);
        return;
      }
      controller.close();
      end?.(false);
    },
    cancel() {
      end?.(true);
    },
  });
}

export function resolveJson(value: LazyJson): unknown {
  return typeof value === 'function' ? value() : value.map(resolveJson);
}

/** Parts of STREAM_PART_BYTES or somewhat more; the last one may be shorter. */
function* partsOf(value: LazyJson): Generator<Uint8Array<ArrayBuffer>, undefined> {
  const encoder = new TextEncoder();
  let pieces: Uint8Array[] = [];
  let length = 0;
  for (const piece of piecesOf(value)) {
    const bytes = encoder.encode(piece);
    pieces.push(bytes);
    length += bytes.length;
    if (length < STREAM_PART_BYTES) continue;
    yield joined(pieces, length);
    [pieces, length] = [[], 0];
  }
  if (length > 0) yield joined(pieces, length);
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function* piecesOf(value: LazyJson): Generator<string> {
  if (typeof value === 'function') {
    yield JSON.stringify(value());
    return;
  }
  for (const [i, one] of value.entries()) {
    yield i === 0 ? '[' : ',';
    yield* piecesOf(one);
  }
  yield value.length === 0 ? '[]' : ']';
}
