/** Reads of workerd that wait until a buffer is full, which Node lacks. */
import { vi } from 'vitest';

// oxlint-disable-next-line typescript/unbound-method -- It is called with the stream.
const { getReader } = ReadableStream.prototype as unknown as {
  getReader: (this: ReadableStream) => ReadableStreamDefaultReader<Uint8Array>;
};
function readerOf(this: ReadableStream, options?: object) {
  const reader = getReader.call(this);
  if (!options) return reader;
  let rest = new Uint8Array();
  const readAtLeast = async (_: number, view: Uint8Array) => {
    let filled = 0;
    for (let isDone = false; filled < view.length && !isDone;) {
      if (rest.length === 0) {
        const next = await reader.read();
        isDone = next.done;
        rest = new Uint8Array(next.value ?? []);
      }
      const part = rest.subarray(0, view.length - filled);
      view.set(part, filled);
      filled += part.length;
      rest = rest.subarray(part.length);
    }
    return { value: view.subarray(0, filled), done: filled === 0 };
  };
  const readSome = (view: Uint8Array) => readAtLeast(1, view);
  return { readAtLeast, read: readSome, releaseLock: () => reader.releaseLock(), cancel: () => reader.cancel() };
}

/** For all tests of a file. */
export function mockByteReads(): void {
  vi.spyOn(ReadableStream.prototype, 'getReader').mockImplementation(readerOf as never);
}
