/** Bundles the worker as a deployment would and holds it to its budget. Part of `npm run check`. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Bytes, uncompressed. Workers admit 64 MiB in all; onnxruntime-web's WASM is nearly all of ours. */
const BUDGETS: Record<string, number> = { '.js': 400_000, '.wasm': 15_000_000 };

const root = join(import.meta.dirname, '..');
const out = await mkdtemp(join(tmpdir(), 'edge-fill-mask-bundle-'));
try {
  await promisify(execFile)(
    process.execPath,
    [join(root, 'node_modules/wrangler/bin/wrangler.js'), 'deploy', '--dry-run', '--minify', '--outdir', out],
    { cwd: root, env: { ...process.env, WRANGLER_SEND_METRICS: 'false' } },
  );
  const files = await readdir(out);
  for (const [ending, budget] of Object.entries(BUDGETS)) {
    const found = files.filter((file) => file.endsWith(ending));
    const sizes = await Promise.all(found.map(async (file) => (await stat(join(out, file))).size));
    const bytes = sizes.reduce((a, b) => a + b, 0);
    console.log(`bundle, ${ending}: ${bytes.toLocaleString('en')} of ${budget.toLocaleString('en')} bytes`);
    if (found.length === 0 || bytes > budget) process.exitCode = 1;
  }
} finally {
  await rm(out, { recursive: true });
}
