/** Where the bytes of models come from, and reads that begin before they are needed. */

import { CLOCK, type Clock } from '../concurrency/clock.ts';
import { READ_TIMEOUT_MS } from '../limits.ts';

/** `R2Bucket` is one. */
export interface ObjectStore {
  get(key: string): Promise<{ readonly size: number; readonly body: ReadableStream<Uint8Array> } | null>;
}

/** The store of one request. */
export interface ReadAhead extends ObjectStore {
  /** Begins a read; the next `get` of this key takes it, unless it is late. A failure is thrown there. */
  begin(key: string): void;
  /** Cancels the reads that nobody took. */
  cancel(): void;
}

/** Begins reads before it is known whether the objects fit, so that their round trips overlap. */
export function readAhead(store: ObjectStore, clock: Clock = CLOCK): ReadAhead {
  const begun = new Map<string, { readonly reading: ReturnType<ObjectStore['get']>; readonly at: number }>();
  function drop(key: string): void {
    // Not awaited: a read that stalls never ends.
    begun
      .get(key)
      ?.reading.then((object) => object?.body.cancel())
      .catch(() => undefined);
    begun.delete(key);
  }
  return {
    begin(key) {
      if (begun.has(key)) return;
      const reading = store.get(key);
      reading.catch(() => undefined);
      begun.set(key, { reading, at: clock.now() });
    },

    get(key) {
      const early = begun.get(key);
      // While the manifest was late, this read may have stalled as well.
      if (!early || clock.now() - early.at >= READ_TIMEOUT_MS) {
        drop(key);
        return store.get(key);
      }
      begun.delete(key);
      return early.reading;
    },

    cancel() {
      for (const key of begun.keys()) drop(key);
    },
  };
}
