/** Serves a model that `add` has put into a local bucket. */
import { join } from 'node:path';

import type { R2Bucket } from '@cloudflare/workers-types';
import { createTestHarness } from 'wrangler';

import { withLocalBucket } from '../../models/bucket/local.ts';
import type { Built } from '../../models/bucket/built.ts';
import { objectKey } from '../../src/model/manifest.ts';

const ROOT = join(import.meta.dirname, '../..');

/** The environments of wrangler.toml: the engine, and onnxruntime-web. */
export const ENVIRONMENTS = [undefined, 'onnxruntime'] as const;

/** @param state the folder of the bucket's state */
export async function withModel(
  { manifest }: Built,
  state: string,
  env: (typeof ENVIRONMENTS)[number],
  use: (url: URL) => Promise<void>,
): Promise<void> {
  const { id, revision } = manifest;
  const vars = { MODEL: `${id}@${revision}` };
  const server = createTestHarness({
    workers: [{ configPath: join(ROOT, 'wrangler.toml'), vars, ...(env && { env }) }],
  });
  try {
    const { url } = await server.listen();
    const { MODELS: bucket } = await server.getWorker<{ MODELS: R2Bucket }>().getEnv();
    await withLocalBucket(async (pushed) => {
      for (const name of [...manifest.files.map((file) => file.name), 'manifest.json'] as const) {
        const key = objectKey(id, revision, name);
        await bucket.put(key, (await pushed.read(key)) ?? new Uint8Array());
      }
    }, state);
    await use(url);
  } finally {
    await server.close();
  }
}
