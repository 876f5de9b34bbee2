/** Starts a browser, and the bundled worker with a built model in its bucket. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { R2Bucket } from '@cloudflare/workers-types';
import { type Browser, chromium } from 'playwright-core';
import { createTestHarness } from 'wrangler';

import { type ModelFile, objectKey } from '../../src/model/manifest.ts';

/** Undefined where there is none. */
export const executablePath = [process.env['CHROMIUM'] || '/usr/bin/chromium'].find(existsSync);

/** Without any service of its maker: what it asks for is what the page asks for. */
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export async function launch(): Promise<Browser> {
  return chromium.launch({ ...(executablePath && { executablePath }), args: ARGUMENTS });
}

/** What a build of a model wrote. */
export interface Built {
  readonly folder: string;
  readonly id: string;
  readonly revision: string;
  readonly files: readonly (ModelFile | 'manifest.json')[];
}

export interface Served {
  readonly origin: string;
  readonly close: () => Promise<void>;
}

export async function serve({ folder, id, revision, files }: Built): Promise<Served> {
  const server = createTestHarness({ workers: [{ configPath: join(import.meta.dirname, '../../wrangler.toml') }] });
  const { url } = await server.listen();
  const { MODELS } = await server.getWorker<{ MODELS: R2Bucket }>().getEnv();
  for (const name of files) await MODELS.put(objectKey(id, revision, name), await readFile(join(folder, name)));
  return { origin: url.origin, close: () => server.close() };
}
