/** The Cache API of the data center ("edge") as a map from digests to JSON text. Does I/O. */
import { CACHE_READ_TIMEOUT_MS } from '../limits.ts';
import { withTimeout } from '../concurrency/with-timeout.ts';
import { hmacOf } from './digest.ts';

/** The part of the Cache API that is used. `caches.default` implements it. */
export interface TextCache {
  match(url: string): Promise<Pick<Response, 'text'> | undefined>;
  put(url: string, response: Response): Promise<void>;
}

/**
 * The edge cache as one request may use it: a bounded number of operations, each look-up with a timeout. Every failure is a miss.
 *
 * Keys are URLs below the address of the worker, as the platform's documentation advises. No route answers them, and the
 * worker runs before the cache, so that a visitor cannot read an entry. Where the zone sends such a URL elsewhere, the secret
 * is what keeps an entry from being read.
 */
export class EdgeCache {
  readonly #cache: TextCache;
  readonly #prefix: string;
  readonly #secret: string | undefined;
  #left: number;
  /** Look-ups leave so many for puts: a cache that is only asked never has an answer. */
  readonly #forPuts: number;
  #reserved = 0;

  /**
   * @param address of the worker, such as `https://example.com/masks`
   * @param operations that this request may use
   * @param secret without which nobody can name an entry
   */
  constructor(cache: TextCache, address: string, operations: number, secret?: string) {
    this.#cache = cache;
    this.#prefix = `${address}/.edge-cache/`;
    this.#secret = secret;
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
    const read = async () => {
      const url = this.#urlOf(key);
      return (await this.#cache.match(typeof url === 'string' ? url : await url))?.text();
    };
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
    const write = async () => {
      const url = this.#urlOf(key);
      return this.#cache.put(typeof url === 'string' ? url : await url, new Response(text, { headers }));
    };
    return write().then(
      () => true,
      // A failed write is a later miss, nothing more.
      () => false,
    );
  }

  /** Without a secret at once, so that a cache which refuses a write is known to before the response begins. */
  #urlOf(key: string): string | Promise<string> {
    const prefix = this.#prefix;
    if (this.#secret === undefined) return prefix + key;
    return hmacOf(this.#secret, key).then((name) => prefix + name);
  }
}
