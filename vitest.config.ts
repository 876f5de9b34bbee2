import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { Response } from 'miniflare';
import { defineConfig } from 'vitest/config';

// Nothing is asked of a network while testing.
process.env['WRANGLER_SEND_METRICS'] = 'false';
process.env['CLOUDFLARE_CF_FETCH_ENABLED'] = 'false';

export default defineConfig({
  test: {
    reporters: process.env['CI'] ? ['default', ['json', { outputFile: 'test/.report.json' }]] : ['default'],
    globalSetup: './test/build-model.ts',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/src/**/*.test.ts'] } },
      { extends: true, test: { name: 'models', include: ['test/models/**/*.test.ts'] } },
      {
        extends: true,
        // One after the other, and after all others: some of them bundle the worker with other kernels than the rest.
        test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        // In a browser that asks the bundled worker, when nothing else is being asked of the machine.
        test: { name: 'page', include: ['test/page/**/*.test.ts'], maxWorkers: 1, sequence: { groupOrder: 2 } },
      },
      ...['engine', 'onnxruntime'].map((backend) => ({
        extends: true as const,
        resolve: { alias: { '#kind': join(import.meta.dirname, `test/worker/kind-${backend}.ts`) } },
        plugins: [
          cloudflareTest(({ inject }) => ({
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              // The files of the build, for a test to put into the bucket.
              serviceBindings: {
                BUILT: async ({ url }) =>
                  new Response(await readFile(join(inject('built').folder, basename(new URL(url).pathname)))),
              },
            },
          })),
        ],
        test: { name: `worker-${backend}`, include: ['test/worker/**/*.test.ts'] },
      })),
    ],
  },
});
