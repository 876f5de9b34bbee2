/** Bundles a worker for plain miniflare. Starts wrangler. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { WorkerOptions } from 'miniflare';

export const ROOT = join(import.meta.dirname, '..');

export type WorkerManifest = NonNullable<WorkerOptions['config']['manifest']>;

/**
 * What wrangler would deploy.
 * @param more arguments of `wrangler deploy`; with `--minify=false` the script keeps its names
 */
export const bundle = (...more: string[]): Promise<WorkerManifest> => bundleOf(ROOT, ...more);

/** The same of another checkout, which has its own `node_modules`. */
export async function bundleOf(root: string, ...more: string[]): Promise<WorkerManifest> {
  const out = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
  try {
    const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js');
    const args = ['deploy', '--minify', ...more, '--dry-run', '--outdir', out];
    const env = { ...process.env, WRANGLER_SEND_METRICS: 'false' };
    await promisify(execFile)(process.execPath, [wrangler, ...args], { cwd: root, env });
    const modules: WorkerManifest['modules'] = {};
    let mainModule = '';
    for (const name of await readdir(out)) {
      const contents = new Uint8Array(await readFile(join(out, name)));
      if (name.endsWith('.wasm')) modules[name] = { type: 'wasm', contents };
      if (name.endsWith('.js')) modules[(mainModule = name)] = { type: 'esm', contents };
    }
    return { mainModule, modules };
  } finally {
    await rm(out, { recursive: true });
  }
}
