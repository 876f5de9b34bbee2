/** Reads that fail, stall or are slow. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { R2_READ_BYTES, READ_TIMEOUT_MS } from '../../../src/limits.ts';
import { openModelFile } from '../../../src/model/bucket.ts';
import { type Manifest, sha256Hex } from '../../../src/model/manifest.ts';
import type { ObjectStore, RestOf } from '../../../src/model/object-store.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const CONTENTS = Uint8Array.from({ length: 1_200_000 }, (_, i) => (i * 31) ^ (i >> 8));
const SHA256 = await sha256Hex(CONTENTS);
const after = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** How one read of the store goes. */
interface Read {
  /** After how many bytes it ends, if that is before the end of the object. */
  readonly bytes?: number;
  readonly end?: 'break' | 'stall' | 'close';
  readonly chunk?: number;
  /** Milliseconds before each chunk. */
  readonly every_ms?: number;
  readonly etag?: string;
}

function bodyOf(part: Uint8Array, { end = 'close', chunk = 65_536, every_ms = 0 }: Read): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    type: 'bytes',
    async pull(controller) {
      await after(every_ms);
      if (at < part.length) {
        controller.enqueue(part.slice(at, at + chunk));
        at += chunk;
      } else if (end === 'break') controller.error(new Error('connection lost'));
      else if (end === 'stall') await new Promise(() => undefined);
      else {
        controller.close();
        controller.byobRequest?.respond(0);
      }
    },
  });
}

/** A store with one object. @param go how the read with this number goes */
function storeOf(go: (read: number) => Read | 'missing' | 'throws') {
  const asked: (RestOf | undefined)[] = [];
  const store: ObjectStore = {
    async get(_, rest) {
      const now = go(asked.length);
      asked.push(rest);
      if (now === 'throws') throw new Error('an internal error (10001)');
      if (now === 'missing') return null;
      const { bytes, etag = 'one' } = now;
      const about = { size: CONTENTS.length, etag };
      if (rest && rest.onlyIf.etagMatches !== etag) return about;
      const part = CONTENTS.subarray(rest?.range.offset ?? 0).subarray(0, bytes);
      return { ...about, body: bodyOf(part, now) };
    },
  };
  return { store, asked, offsets: () => asked.map((rest) => rest?.range.offset ?? 0) };
}

/** @returns "whole" after a read of the right bytes, or the message of the error, however long it takes */
async function read(store: ObjectStore): Promise<string> {
  const files = [{ name: 'model.efm' as const, bytes: CONTENTS.length, sha256: SHA256 }];
  const manifest = { id: 'a', revision: 'b', files } as unknown as Manifest;
  const reading = (async () => {
    const file = await openModelFile(store, manifest, 'model.efm', () => undefined);
    const found = new Uint8Array(file.size);
    let filled = 0;
    await file.read((piece) => {
      found.set(piece, filled);
      filled += piece.length;
    });
    await file.verify(found);
    return 'whole';
  })().catch((error: Error) => error.message);
  const ended = new AbortController();
  void reading.finally(() => ended.abort());
  for (let i = 0; i < 2_000 && !ended.signal.aborted; i++) {
    await vi.advanceTimersByTimeAsync(100);
    // A digest takes real time.
    await new Promise(setImmediate);
  }
  return reading;
}

describe('a read of an object', () => {
  it('that is slow goes on, however long it takes', async () => {
    // 20 kB/s: less than R2_READ_BYTES within the deadline.
    const { store, offsets } = storeOf(() => ({ chunk: 2_000, every_ms: 100 }));
    expect(R2_READ_BYTES / 20_000).toBeGreaterThan(READ_TIMEOUT_MS / 1_000);
    expect(await read(store)).toBe('whole');
    expect(offsets()).toEqual([0, 0]);
  });

  it('that breaks off goes on where its last byte came, in the same object', async () => {
    const { store, asked, offsets } = storeOf((i) => (i === 0 ? { bytes: 1_000_000, end: 'break' } : {}));
    expect(await read(store)).toBe('whole');
    expect(asked).toEqual([undefined, { range: { offset: offsets()[1] }, onlyIf: { etagMatches: 'one' } }]);
    expect(offsets()[1]).toBeGreaterThan(1_000_000 - R2_READ_BYTES);
  });

  it('may break off again and again, if each try brings a part', async () => {
    const { store, offsets } = storeOf(() => ({ bytes: R2_READ_BYTES + 1, end: 'break' }));
    expect(await read(store)).toBe('whole');
    expect(offsets().length).toBeGreaterThan(4);
    expect(offsets()).toEqual(offsets().toSorted((a, b) => a - b));
  });

  it('that ends too early goes on, too', async () => {
    const { store, offsets } = storeOf((i) => (i === 0 ? { bytes: 700_000 } : {}));
    expect(await read(store)).toBe('whole');
    expect(offsets()).toEqual([0, 700_000]);
  });

  it('that stalls is given up after two more tries without a byte, and says so', async () => {
    const { store, asked } = storeOf((i) => ({ bytes: i === 0 ? 500_000 : 0, end: 'stall' }));
    expect(await read(store)).toMatch(/model\.efm brought no byte within 3000 ms/);
    expect(asked).toHaveLength(3);
  });

  it('of an object that is replaced meanwhile is an error, and mixes nothing', async () => {
    const { store, asked } = storeOf((i) => (i === 0 ? { bytes: 1_000_000, end: 'break' } : { etag: 'two' }));
    expect(await read(store)).toMatch(/model\.efm was replaced while it was read/);
    expect(asked).toHaveLength(2);
  });

  it('is complete with its last byte, even if the body does not end', async () => {
    const { store, asked } = storeOf(() => ({ end: 'stall' }));
    expect(await read(store)).toBe('whole');
    expect(asked).toHaveLength(2);
  });

  it.each([
    ['missing', 1, /is missing from the bucket/],
    ['throws', 3, /could not be read from the bucket/],
  ] as const)('of an object that %s asks %i times', async (fault, times, message) => {
    const { store, asked } = storeOf(() => fault);
    expect(await read(store)).toMatch(message);
    expect(asked).toHaveLength(times);
  });
});
