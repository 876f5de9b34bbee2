/** Serves models that `add` has put into a local bucket. */
import { join } from 'node:path';

import type { R2Bucket } from '@cloudflare/workers-types';
import { createTestHarness } from 'wrangler';

import { withLocalBucket } from '../../models/bucket/local.ts';
import type { Built } from '../../models/bucket/built.ts';
import { objectKey } from '../../src/model/manifest.ts';

const ROOT = join(import.meta.dirname, '../..');

/** The environments of wrangler.toml: the engine, and onnxruntime-web. */
export const ENVIRONMENTS = [undefined, 'onnxruntime'] as const;

export interface Served extends AsyncDisposable {
  /** @param path of a route; the model is in the prefix. */
  urlOf(built: Built, path: string): URL;
}

/** @param state the folder of the bucket's state */
export async function serveModels(
  models: readonly Built[],
  state: string,
  env: (typeof ENVIRONMENTS)[number],
): Promise<Served> {
  const [MODEL = '', ...more] = models.map(({ manifest: { id, revision } }) => `${id}@${revision}`);
  const vars = { MODEL, MORE_MODELS: more.join() };
  const server = createTestHarness({
    workers: [{ configPath: join(ROOT, 'wrangler.toml'), vars, ...(env && { env }) }],
  });
  try {
    const { url } = await server.listen();
    const { MODELS: bucket } = await server.getWorker<{ MODELS: R2Bucket }>().getEnv();
    await withLocalBucket(async (pushed) => {
      for (const { manifest } of models) {
        for (const name of [...manifest.files.map((file) => file.name), 'manifest.json'] as const) {
          const key = objectKey(manifest.id, manifest.revision, name);
          await bucket.put(key, (await pushed.read(key)) ?? new Uint8Array());
        }
      }
    }, state);
    return {
      urlOf: ({ manifest }, path) => new URL(`/models/${manifest.id}${path}`, url),
      [Symbol.asyncDispose]: () => server.close(),
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}
