/** Bundles the worker with each backend as a deployment would, and checks its size and that of the page. Part of `npm run check`. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { buildPage, PAGE_FILES, PAGE_FOLDER } from '../src/page/bundle.ts';
import { bundle } from './bundle.ts';
import { readOptions } from './options.ts';

/**
 * Bytes, uncompressed, for each environment. Workers admit 64 MiB in all, and a small script starts sooner.
 * onnxruntime-web's WASM is nearly all of its environment.
 */
const BUDGETS = {
  '': { '.js': 196_000, '.wasm': 20_000 },
  onnxruntime: { '.js': 265_000, '.wasm': 15_000_000 },
};

/** Bytes, uncompressed, of all files that a visitor loads. */
const PAGE_BUDGET = 70_000;

readOptions('npm run check:size', {});
for (const [environment, budgets] of Object.entries(BUDGETS)) {
  const { modules } = await bundle('--env', environment);
  for (const [ending, budget] of Object.entries(budgets)) {
    const found = Object.entries(modules).filter(([name]) => name.endsWith(ending));
    const bytes = found.reduce((sum, [, { contents }]) => sum + contents.length, 0);
    hold(`bundle${environment && ` of ${environment}`}, ${ending}`, bytes, budget);
    if (found.length === 0) process.exitCode = 1;
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
