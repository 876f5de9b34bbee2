/** Large JSON as a stream, so that an isolate never holds all of it. No I/O. */

/** Nested arrays, with leaves that are made when they are written. */
export type LazyJson = (() => unknown) | readonly LazyJson[];

/** Pulled by the client: what was not read yet is not made yet. */
export function streamJson(value: LazyJson): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const pieces = piecesOf(value);
  return new ReadableStream({
    pull(controller) {
      const next = pieces.next();
      if (next.done) controller.close();
      else controller.enqueue(encoder.encode(next.value));
    },
  });
}

export function resolveJson(value: LazyJson): unknown {
  return typeof value === 'function' ? value() : value.map(resolveJson);
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
