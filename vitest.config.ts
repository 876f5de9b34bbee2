import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { Response } from 'miniflare';
import { defineConfig } from 'vitest/config';

// Tests use no network.
process.env['WRANGLER_SEND_METRICS'] = 'false';
process.env['CLOUDFLARE_CF_FETCH_ENABLED'] = 'false';

/** Builds the kernels, the page and the model: unit tests do without. */
const globalSetup = './test/build-model.ts';

export default defineConfig({
  test: {
    // One report for each run: CI adds them up.
    reporters: process.env['CI']
      ? ['default', ['json', { outputFile: `test/.reports/${process.pid}.json` }]]
      : ['default'],
    // Of the files that the tests in Node load.
    coverage: { provider: 'v8', reporter: ['text-summary'], exclude: ['test/**'] },
    // One more than the cores of the smallest machine, since many tests wait.
    maxWorkers: 3,
    // Events of isolates are for their owners.
    onConsoleLog: (log) => !/^\{\s*event: /.test(stripVTControlCharacters(log)),
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        // A test that waits for what never comes ends soon, also on a loaded machine.
        test: { name: 'unit', include: ['test/*.test.ts', 'test/{src,bench,fuzz}/**/*.test.ts'], testTimeout: 30_000 },
      },
      { extends: true, test: { name: 'models', include: ['test/models/**/*.test.ts'], globalSetup } },
      { extends: true, test: { name: 'e2e', include: ['test/e2e/*.test.ts'], globalSetup } },
      {
        extends: true,
        // One after the other, and when no other project runs: they bundle the worker with other kernels.
        test: {
          name: 'e2e-builds',
          include: ['test/e2e/builds/*.test.ts'],
          globalSetup,
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
        },
      },
      {
        extends: true,
        // In a browser, when no other project runs.
        test: {
          name: 'page',
          include: ['test/page/**/*.test.ts'],
          globalSetup: './test/page/setup.ts',
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
      // Everything with the engine; with onnxruntime-web only what depends on the backend.
      ...Object.entries({ engine: '**', onnxruntime: 'backends' }).map(([backend, folder]) => ({
        extends: true as const,
        resolve: { alias: { '#kind': join(import.meta.dirname, `test/worker/kind-${backend}.ts`) } },
        plugins: [
          cloudflareTest(({ inject }) => ({
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              // Lets a test put the files of the build into the bucket.
              serviceBindings: {
                BUILT: async ({ url }) =>
                  new Response(await readFile(join(inject('built').folder, basename(new URL(url).pathname)))),
              },
            },
          })),
        ],
        // One isolate for several files, since the WASM of onnxruntime-web takes seconds to compile. Every test makes its own app.
        test: { name: `worker-${backend}`, include: [`test/worker/${folder}/*.test.ts`], globalSetup, isolate: false },
      })),
    ],
  },
});
