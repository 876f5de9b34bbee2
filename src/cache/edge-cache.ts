/** The Cache API of the data center ("edge") as a map from digests to JSON text. Does I/O. */
import { CACHE_READ_TIMEOUT_MS, MAX_EDGE_CACHE_OPERATIONS } from '../limits.ts';
import { withTimeout } from '../concurrency/with-timeout.ts';

/** The part of the Cache API that is used. `caches.default` implements it. */
export interface TextCache {
  match(url: string): Promise<Pick<Response, 'text'> | undefined>;
  put(url: string, response: Response): Promise<void>;
}

/**
 * The edge cache as one request may use it: a bounded number of operations, each with a timeout. Every failure is a miss.
 *
 * Keys are URLs under the request's own origin, as the platform's documentation advises. No route answers them, and the
 * worker runs before the cache, so that a visitor cannot read an entry.
 */
export class EdgeCache {
  readonly #cache: TextCache;
  readonly #prefix: string;
  #operations = MAX_EDGE_CACHE_OPERATIONS;

  /** @param origin of the request, such as `https://example.com` */
  constructor(cache: TextCache, origin: string) {
    this.#cache = cache;
    this.#prefix = `${origin}/.edge-cache/`;
  }

  async get(key: string): Promise<string | undefined> {
    if (this.#operations-- <= 0) return undefined;
    const read = async () => (await this.#cache.match(this.#prefix + key))?.text();
    return (await withTimeout(CACHE_READ_TIMEOUT_MS, read()))?.value;
  }

  async put(key: string, text: string, ttl_s: number): Promise<void> {
    if (this.#operations-- <= 0) return;
    const headers = { 'content-type': 'application/json', 'cache-control': `max-age=${ttl_s}` };
    try {
      await this.#cache.put(this.#prefix + key, new Response(text, { headers }));
    } catch {
      // A failed write is a later miss, nothing more.
    }
  }
}
