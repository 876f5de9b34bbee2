/** Deploys the bundled worker locally, with a built model in its bucket. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { R2Bucket } from '@cloudflare/workers-types';
import { createTestHarness } from 'wrangler';

import { build } from '../models/build/build.ts';
import { selectedModel } from '../models/bucket/deployed.ts';
import { type ModelFile, objectKey } from '../src/model/manifest.ts';

/** The files of a built model. */
export interface Built {
  readonly folder: string;
  readonly id: string;
  readonly revision: string;
  readonly files: readonly (ModelFile | 'manifest.json')[];
}

export interface Deployed {
  readonly url: URL;
  readonly close: () => Promise<void>;
}

/** Builds the model that wrangler.toml selects, unless that is done. */
export async function buildSelected(): Promise<Built> {
  const { id } = selectedModel();
  const { folder, revision, manifest } = await build(id);
  return { folder, id, revision, files: [...manifest.files.map(({ name }) => name), 'manifest.json'] };
}

/**
 * @param options `env` of wrangler.toml, the top one by default; the build of the kernels; variables to set. Without rate limits
 * unless they are set, since tests send many requests.
 */
export async function deploy(
  { folder, id, revision, files }: Built,
  { env, SIMD, vars }: { env?: string | undefined; SIMD?: string; vars?: Record<string, string> } = {},
): Promise<Deployed> {
  const before = process.env['SIMD'];
  if (SIMD !== undefined) process.env['SIMD'] = SIMD;
  try {
    const configPath = join(import.meta.dirname, '../wrangler.toml');
    const server = createTestHarness({
      workers: [
        {
          configPath,
          vars: { CACHE_STATUS: 'all', RATE_LIMITS: 'off', REQUEST_LOG: 'off', ...vars },
          ...(env && { env }),
        },
      ],
    });
    const { url } = await server.listen();
    const { MODELS } = await server.getWorker<{ MODELS: R2Bucket }>().getEnv();
    for (const name of files) await MODELS.put(objectKey(id, revision, name), await readFile(join(folder, name)));
    return { url, close: () => server.close() };
  } finally {
    if (before === undefined) delete process.env['SIMD'];
    else process.env['SIMD'] = before;
  }
}
