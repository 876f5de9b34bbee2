/** A worker that fills its caches on request and reports their size. */
import { createCaches, putEncoding } from '../../../src/cache/caches.ts';

const isolateCaches = createCaches();
const policy = { read: true, write: true, edge: undefined, ttl_s: 3600, waitUntil: () => undefined };

export default {
  /** Caches the questions from `from` to `to`, each with an encoding and an answer of the usual size. */
  fetch(request: Request): Response {
    const { searchParams } = new URL(request.url);
    for (let i = Number(searchParams.get('from')); i < Number(searchParams.get('to')); i++) {
      const key = i.toString(16).padStart(64, '0');
      const input_ids = Int32Array.from({ length: 16 }, (_, k) => (i * 31 + k) % 30_000);
      const encoding = { input_ids, token_type_ids: new Int32Array(16), masked_positions: Int32Array.of(3, 8) };
      putEncoding(isolateCaches, key, { encoding, mask: undefined }, policy);
      const candidate = (k: number) => ({
        token: k,
        score: 1 / (k + i + 1),
        token_str: `word${k}`,
        fills: [`word${k}`],
      });
      const candidates = Array.from({ length: 5 }, (_, k) => candidate(k));
      isolateCaches.predictions.cache.put(key, [candidates, structuredClone(candidates)], policy);
    }
    return Response.json({
      encodings: isolateCaches.encodings.usage,
      predictions: isolateCaches.predictions.cache.isolate.usage,
    });
  },
};
