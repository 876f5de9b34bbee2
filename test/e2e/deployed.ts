/** The bundled worker as it is deployed, with the default model in its bucket, over HTTP. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { R2Bucket } from '@cloudflare/workers-types';
import { createTestHarness } from 'wrangler';

import { objectKey } from '../../src/model/manifest.ts';
import type { ModelFile } from '../../src/model/manifest.ts';

/** The build of a model. */
export interface Built {
  readonly folder: string;
  readonly id: string;
  readonly revision: string;
  readonly files: readonly (ModelFile | 'manifest.json')[];
}

export interface Deployed {
  readonly url: URL;
  close(): Promise<void>;
}

/** @param env of wrangler.toml; the one at the top where it is not given */
export async function deploy({ folder, id, revision, files }: Built, env?: string): Promise<Deployed> {
  const configPath = join(import.meta.dirname, '../../wrangler.toml');
  const server = createTestHarness({ workers: [{ configPath, ...(env && { env }) }] });
  const { url } = await server.listen();
  const { MODELS } = await server.getWorker<{ MODELS: R2Bucket }>().getEnv();
  for (const name of files) await MODELS.put(objectKey(id, revision, name), await readFile(join(folder, name)));
  return { url, close: () => server.close() };
}
