/** Bundles the worker with each backend as a deployment would, and checks its size and that of the page. Part of `npm run check`. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { buildPage, PAGE_FILES, PAGE_FOLDER } from '../src/page/bundle.ts';
import { readOptions } from './options.ts';

/**
 * Bytes, uncompressed, for each environment. Workers admit 64 MiB in all, and a small script starts sooner.
 * onnxruntime-web's WASM is nearly all of its environment.
 */
const BUDGETS = {
  '': { '.js': 150_000, '.wasm': 20_000 },
  onnxruntime: { '.js': 220_000, '.wasm': 15_000_000 },
};

/** Bytes, uncompressed, of all files that a visitor loads. */
const PAGE_BUDGET = 70_000;

readOptions('npm run check:size', {});
const root = join(import.meta.dirname, '..');
const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js');
for (const [environment, budgets] of Object.entries(BUDGETS)) {
  const out = await mkdtemp(join(tmpdir(), 'edge-fill-mask-bundle-'));
  try {
    await promisify(execFile)(
      process.execPath,
      [wrangler, 'deploy', '--dry-run', '--minify', '--outdir', out, '--env', environment],
      { cwd: root, env: { ...process.env, WRANGLER_SEND_METRICS: 'false' } },
    );
    const files = await readdir(out);
    for (const [ending, budget] of Object.entries(budgets)) {
      const found = files.filter((file) => file.endsWith(ending));
      const sizes = await Promise.all(found.map(async (file) => (await stat(join(out, file))).size));
      const bytes = sizes.reduce((a, b) => a + b, 0);
      hold(`bundle${environment && ` of ${environment}`}, ${ending}`, bytes, budget);
      if (found.length === 0) process.exitCode = 1;
    }
  } finally {
    await rm(out, { recursive: true });
  }
}

await buildPage();
const loaded = await Promise.all(PAGE_FILES.map(async (name) => (await stat(join(PAGE_FOLDER, name))).size));
hold(
  'page',
  loaded.reduce((a, b) => a + b, 0),
  PAGE_BUDGET,
);

function hold(what: string, bytes: number, budget: number): void {
  console.log(`${what}: ${bytes.toLocaleString('en')} of ${budget.toLocaleString('en')} bytes`);
  if (bytes > budget) process.exitCode = 1;
}
