/** An LRU map bounded by entries and bytes. No I/O. */

/** In use, next to the key and the value: what a map and its objects take, about. */
const ENTRY_BYTES = 200;

export class LruMap<T> {
  readonly #entries = new Map<string, { readonly value: T; readonly bytes: number }>();
  readonly #max: { readonly entries: number; readonly bytes: number };
  #bytes = 0;

  constructor(max: { readonly entries: number; readonly bytes: number }) {
    this.#max = max;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The sum of the sizes given to `set`, with what an entry takes by itself. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Does not count as a use. */
  has(key: string): boolean {
    return this.#entries.has(key);
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    // A map keeps the order of insertion: what is used goes to the end.
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** @param bytes of the value; a value that is larger than the whole map is not kept */
  set(key: string, value: T, bytes: number): void {
    this.delete(key);
    const entry = { value, bytes: bytes + 2 * key.length + ENTRY_BYTES };
    if (entry.bytes > this.#max.bytes) return;
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#max.entries && this.#bytes <= this.#max.bytes) break;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
  }
}
