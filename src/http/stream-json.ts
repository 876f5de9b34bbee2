/** JSON in parts, so that an isolate never holds all of a large answer. No I/O. */
import { READER_TIMEOUT_MS, STREAM_PART_BYTES } from '../limits.ts';

/** Nested arrays, and objects as maps, with leaves that are made when they are written. */
export type LazyJson = (() => unknown) | readonly LazyJson[] | ReadonlyMap<string, LazyJson>;

/** How a stream ended: all was taken, its reader took no more, or an error was thrown. */
export type Ending = 'sent' | 'left' | 'failed';

/** Who watches a stream. */
export interface Watcher {
  /** Called before the first part of a stream and before each further one. @returns whether there may be a stream */
  hold(): boolean;
  /** Called for each part, before the reader has it. */
  made(bytes: number): void;
  /** Called once for each stream. @param error where it failed */
  end(ending: Ending, error?: unknown): void;
}

/**
 * @returns the text or its bytes where they are less than one part; else a stream of parts, or undefined if there may be none. It is pulled by
 * its reader: what was not read yet is not made yet
 */
export function writeJson(
  value: LazyJson,
  watcher: Watcher,
): string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | undefined {
  const pieces = piecesOf(value);
  let begun = '';
  let isWhole = false;
  while (!isWhole && begun.length < STREAM_PART_BYTES) {
    const { value: piece, done } = pieces.next();
    isWhole = done === true;
    begun += piece ?? '';
  }
  if (isWhole && begun.length < STREAM_PART_BYTES && ASCII.test(begun)) {
    watcher.made(begun.length);
    return begun;
  }
  if (isWhole) {
    const bytes = encode(begun);
    if (bytes.length < STREAM_PART_BYTES) {
      watcher.made(bytes.length);
      return bytes;
    }
  }
  return watcher.hold() ? streamOf(partsOf(begun, pieces), watcher) : undefined;
}

/** Its characters are its bytes, and the runtime writes it faster than bytes. */
const ASCII = /^[\0-\x7f]*$/;

export function resolveJson(value: LazyJson): unknown {
  if (typeof value === 'function') return value();
  if (isList(value)) return value.map(resolveJson);
  return Object.fromEntries(Array.from(value, ([key, one]) => [key, resolveJson(one)]));
}

/** An object whose lists are written item by item, where they are long. */
export function lazyLists(value: object): LazyJson {
  const entries = Object.entries(value);
  if (!entries.some(([, one]) => Array.isArray(one) && one.length > MAX_LEAF_ITEMS)) return () => value;
  return new Map(
    entries.map(([key, one]: [string, unknown]) => [
      key,
      Array.isArray(one) ? one.map((item: unknown) => () => item) : () => one,
    ]),
  );
}

const MAX_LEAF_ITEMS = 100;

/** Whatever ends a stream, it lets go of all that is not made yet. */
function streamOf(made: Generator<Uint8Array, void>, watcher: Watcher): ReadableStream<Uint8Array> {
  let parts: typeof made | undefined = made;
  let stopTimer: (() => void) | undefined;
  function end(ending: Ending, error?: unknown): void {
    if (!parts) return;
    parts = undefined;
    stopTimer?.();
    watcher.end(ending, error);
  }
  function awaitReader(controller: ReadableStreamDefaultController): void {
    stopTimer?.();
    const timer = setTimeout(() => {
      end('left');
      controller.error(new Error(`the reader took nothing for ${READER_TIMEOUT_MS / 1000} s`));
    }, READER_TIMEOUT_MS);
    stopTimer = () => clearTimeout(timer);
  }
  return new ReadableStream(
    {
      start: awaitReader,
      pull(controller) {
        let part: IteratorResult<Uint8Array, void> | undefined;
        try {
          watcher.hold();
          part = parts?.next();
        } catch (error) {
          end('failed', error);
          throw error;
        }
        // The reader may have left meanwhile.
        if (!part || !parts) return;
        if (part.done) {
          controller.close();
          end('sent');
          return;
        }
        watcher.made(part.value.length);
        controller.enqueue(part.value);
        awaitReader(controller);
      },
      cancel() {
        end('left');
      },
    },
    // Nothing is made ahead of the reader.
    { highWaterMark: 0 },
  );
}

/** Parts of STREAM_PART_BYTES; the last one may be shorter. @param piece the first one */
function* partsOf(piece: string, pieces: Iterator<string>): Generator<Uint8Array<ArrayBuffer>, void> {
  let part = new Uint8Array(STREAM_PART_BYTES);
  let filled = 0;
  for (let rest: Uint8Array | undefined = encode(piece); rest;) {
    // Of a piece only the bytes are kept while a reader waits.
    piece = '';
    while (rest.length > 0) {
      const fitting: Uint8Array = rest.subarray(0, part.length - filled);
      part.set(fitting, filled);
      filled += fitting.length;
      rest = rest.subarray(fitting.length);
      if (filled < part.length) continue;
      yield part;
      part = new Uint8Array(STREAM_PART_BYTES);
      filled = 0;
    }
    const next = pieces.next();
    rest = next.done === true ? undefined : encode(next.value);
  }
  if (filled > 0) yield part.slice(0, filled);
}

function* piecesOf(value: LazyJson): Generator<string> {
  if (typeof value === 'function') {
    yield JSON.stringify(value());
    return;
  }
  const [open, close] = isList(value) ? (['[', ']'] as const) : (['{', '}'] as const);
  let before: string = open;
  for (const [key, one] of value.entries()) {
    yield typeof key === 'string' ? `${before}${JSON.stringify(key)}:` : before;
    yield* piecesOf(one);
    before = ',';
  }
  yield before === open ? open + close : close;
}

/** Array.isArray does not tell a list that cannot be changed. */
const isList = (value: LazyJson): value is readonly LazyJson[] => Array.isArray(value);

const encode = (text: string) => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
