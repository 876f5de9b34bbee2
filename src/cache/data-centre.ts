/** The cache of the data centre (Cache API), used as a map of texts by digest. Does I/O. */
import { CACHE_READ_LIMIT_MS, MAX_CACHE_OPERATIONS, REMEMBERED_SECONDS } from '../limits.ts';
import { within } from './within.ts';

/** What a cache has to do; `caches.default` does it. */
export interface TextCache {
  match(url: string): Promise<Pick<Response, 'text'> | undefined>;
  put(url: string, response: Response): Promise<void>;
}

/** Never asked of any host: RFC 2606 reserves the name. */
const KEYS = 'https://remembered.invalid/';

/**
 * As one request may use it: so many operations, and no longer than a short while for each. Whatever goes wrong is a
 * miss.
 */
export class DataCentre {
  readonly #cache: TextCache;
  #operations = MAX_CACHE_OPERATIONS;

  constructor(cache: TextCache) {
    this.#cache = cache;
  }

  async get(key: string): Promise<string | undefined> {
    if (this.#operations-- <= 0) return undefined;
    const read = async () => (await this.#cache.match(KEYS + key))?.text();
    return (await within(CACHE_READ_LIMIT_MS, read()))?.value;
  }

  async put(key: string, text: string): Promise<void> {
    if (this.#operations-- <= 0) return;
    const headers = { 'content-type': 'application/json', 'cache-control': `max-age=${REMEMBERED_SECONDS}` };
    try {
      await this.#cache.put(KEYS + key, new Response(text, { headers }));
    } catch {
      // It is computed again, then.
    }
  }
}
