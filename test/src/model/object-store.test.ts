/** Reads that begin before they are needed. */
import { describe, expect, it } from 'vitest';

import { CLOCK } from '../../../src/concurrency/clock.ts';
import { READ_TIMEOUT_MS } from '../../../src/limits.ts';
import { type ObjectStore, readAhead } from '../../../src/model/object-store.ts';
import { FakeClock } from '../concurrency/fake-clock.ts';

/** A store that says what is asked of it, and which bodies are cancelled. */
function recording(get: (key: string) => Promise<unknown> = async () => ({}), clock = CLOCK) {
  const asked: string[] = [];
  const cancelled: string[] = [];
  const store: ObjectStore = {
    async get(key) {
      asked.push(key);
      const found = await get(key);
      if (found === null) return null;
      return { size: 1, etag: key, body: new ReadableStream({ cancel: () => void cancelled.push(key) }) };
    },
  };
  return { asked, cancelled, reads: readAhead(store, clock) };
}

describe('a read that begins early', () => {
  it('is taken by the next get of its key, once', async () => {
    const { asked, cancelled, reads } = recording();
    reads.begin('a');
    reads.begin('a');
    expect(asked).toEqual(['a']);
    expect(await reads.get('a')).toMatchObject({ size: 1 });
    expect(asked).toEqual(['a']);
    await reads.get('a');
    await reads.get('b');
    expect(asked).toEqual(['a', 'a', 'b']);
    reads.cancel();
    expect(cancelled).toEqual([]);
  });

  it('is cancelled if nobody takes it, whether it ends or not', async () => {
    const { cancelled, reads } = recording((key) => (key === 'stalls' ? new Promise(() => {}) : Promise.resolve({})));
    for (const key of ['a', 'stalls', 'b']) reads.begin(key);
    await reads.get('a');
    reads.cancel();
    await expect.poll(() => cancelled).toEqual(['b']);
  });

  it('that fails, fails for the one who takes it, and is tried again by the next', async () => {
    const { asked, reads } = recording((key) => Promise.reject(new Error(`no ${key}`)));
    reads.begin('a');
    reads.begin('b');
    await expect(reads.get('a')).rejects.toThrow('no a');
    await expect(reads.get('a')).rejects.toThrow('no a');
    expect(asked).toEqual(['a', 'b', 'a']);
    reads.cancel();
  });

  it('that stalls is not taken after its deadline: another read begins', async () => {
    const clock = new FakeClock();
    const { asked, cancelled, reads } = recording(undefined, clock);
    reads.begin('a');
    await clock.pass(READ_TIMEOUT_MS);
    await reads.get('a');
    expect(asked).toEqual(['a', 'a']);
    await expect.poll(() => cancelled).toEqual(['a']);
  });

  it('of an object that is missing finds nothing', async () => {
    const { reads } = recording(() => Promise.resolve(null));
    reads.begin('a');
    expect(await reads.get('a')).toBeNull();
    reads.begin('b');
    reads.cancel();
  });
});
