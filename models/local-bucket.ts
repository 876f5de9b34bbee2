/** Puts a build into the bucket of the local worker. Does I/O through workerd's R2. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { R2Bucket } from '@cloudflare/workers-types';
import { getPlatformProxy } from 'wrangler';

import { type Manifest, objectKey } from '../src/model/manifest.ts';

/** @returns whether it had to be written; a model that is there whole is left alone */
export async function pushLocally({ folder, manifest }: { folder: string; manifest: Manifest }): Promise<boolean> {
  const { env, dispose } = await getPlatformProxy<{ MODELS: R2Bucket }>({
    configPath: join(import.meta.dirname, '..', 'wrangler.toml'),
  });
  try {
    const { id, revision, files } = manifest;
    const last = objectKey(id, revision, 'manifest.json');
    const sizes = await Promise.all(
      files.map(async ({ name, bytes }) => (await env.MODELS.head(objectKey(id, revision, name)))?.size === bytes),
    );
    if ((await env.MODELS.head(last)) && sizes.every(Boolean)) return false;
    // The manifest last: whoever finds it finds the rest.
    for (const name of [...files.map((file) => file.name), 'manifest.json'] as const) {
      await env.MODELS.put(objectKey(id, revision, name), await readFile(join(folder, name)));
    }
    return true;
  } finally {
    await dispose();
  }
}
