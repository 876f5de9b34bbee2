/** Where the bytes of models come from, and reads that begin before they are needed. */

/** `R2Bucket` is one. */
export interface ObjectStore {
  get(key: string): Promise<{ readonly size: number; readonly body: ReadableStream<Uint8Array> } | null>;
}

/** The store of one request. */
export interface ReadAhead extends ObjectStore {
  /** Begins a read; the next `get` of this key takes it. A failure is thrown there. */
  begin(key: string): void;
  /** Cancels the reads that nobody took. */
  cancel(): void;
}

/** Begins reads before it is known whether the objects fit, so that their round trips overlap. */
export function readAhead(store: ObjectStore): ReadAhead {
  const begun = new Map<string, ReturnType<ObjectStore['get']>>();
  return {
    begin(key) {
      if (begun.has(key)) return;
      const reading = store.get(key);
      reading.catch(() => undefined);
      begun.set(key, reading);
    },

    get(key) {
      const reading = begun.get(key) ?? store.get(key);
      begun.delete(key);
      return reading;
    },

    cancel() {
      for (const reading of begun.values()) {
        // Not awaited: a read that stalls never ends.
        reading.then((object) => object?.body.cancel()).catch(() => undefined);
      }
      begun.clear();
    },
  };
}
