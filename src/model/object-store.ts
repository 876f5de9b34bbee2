/** Where the bytes of models come from, and reads that begin before they are needed. */
import { CLOCK, type Clock } from '../concurrency/clock.ts';
import { READ_TIMEOUT_MS } from '../limits.ts';

export interface StoredObject {
  /** Bytes of the whole object, also where a part of it is read. */
  readonly size: number;
  /** Changes with the content. */
  readonly etag: string;
  /** Missing where the object does not have the etag that `onlyIf` asks for. */
  readonly body?: ReadableStream<Uint8Array>;
}

/** How to go on with a read that broke off. */
export interface RestOf {
  readonly range: { readonly offset: number };
  readonly onlyIf: { readonly etagMatches: string };
}

/** `R2Bucket` is one. */
export interface ObjectStore {
  get(key: string, rest?: RestOf): Promise<StoredObject | null>;
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
      ?.reading.then((object) => object?.body?.cancel())
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

    get(key, rest) {
      if (rest) return store.get(key, rest);
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
