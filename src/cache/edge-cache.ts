/** The Cache API of the data center ("edge") as a map from digests to JSON text. Does I/O. */
import { CACHE_READ_TIMEOUT_MS } from '../limits.ts';
import { withTimeout } from '../concurrency/with-timeout.ts';

/** The part of the Cache API that is used. `caches.default` implements it. */
export interface TextCache {
  match(url: string): Promise<Pick<Response, 'text'> | undefined>;
  put(url: string, response: Response): Promise<void>;
}

/**
 * The edge cache as one request may use it: a bounded number of operations, each look-up with a timeout. Every failure is a miss.
 *
 * Keys are URLs under the request's own origin, as the platform's documentation advises. No route answers them, and the
 * worker runs before the cache, so that a visitor cannot read an entry.
 */
export class EdgeCache {
  readonly #cache: TextCache;
  readonly #prefix: string;
  #left: number;
  /** Look-ups leave so many for puts: a cache that is only asked never has an answer. */
  readonly #forPuts: number;
  #reserved = 0;

  /**
   * @param origin of the request, such as `https://example.com`
   * @param operations that this request may use
   */
  constructor(cache: TextCache, origin: string, operations: number) {
    this.#cache = cache;
    this.#prefix = `${origin}/.edge-cache/`;
    this.#left = operations;
    this.#forPuts = Math.ceil(operations / 4);
  }

  /** Keeps so many operations from all that follows, until the next call. */
  reserve(operations: number): void {
    this.#reserved = operations;
  }

  async get(key: string): Promise<string | undefined> {
    if (this.#left - this.#reserved <= this.#forPuts) return undefined;
    this.#left--;
    const read = async () => (await this.#cache.match(this.#prefix + key))?.text();
    return (await withTimeout(CACHE_READ_TIMEOUT_MS, read()))?.value;
  }

  /**
   * Begins a write.
   * @returns undefined where no operation is left for it; else whether it succeeded, which a response need not await
   */
  put(key: string, text: string, ttl_s: number): Promise<boolean> | undefined {
    if (this.#left <= this.#reserved) return undefined;
    this.#left--;
    const headers = { 'content-type': 'application/json', 'cache-control': `max-age=${ttl_s}` };
    const write = async () => this.#cache.put(this.#prefix + key, new Response(text, { headers }));
    return write().then(
      () => true,
      // A failed write is a later miss, nothing more.
      () => false,
    );
  }
}
