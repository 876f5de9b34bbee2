/**
 * Readers that stall, of the bundled worker in plain miniflare. They are behind another worker, which is given their answers and reads
 * nothing: a socket of this machine would take a whole answer into its buffers.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Miniflare } from 'miniflare';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';

import { ISOLATE_BYTES, MAX_HELD_BYTES } from '../../src/limits.ts';
import { objectKey } from '../../src/model/manifest.ts';
import { bundle } from '../bundle.ts';
import { COMPATIBILITY, memoryOf, STALLING_FRONT } from '../chaos/isolate.ts';

const text = (value: string) => ({ type: 'text' as const, value });
let miniflare: Miniflare;
let url: URL;

beforeAll(async () => {
  const { id, revision, folder, files } = inject('built');
  const { mainModule, modules } = await bundle('--env', '');
  miniflare = new Miniflare({
    host: '127.0.0.1',
    port: 0,
    inspectorPort: 0,
    workers: [
      { config: STALLING_FRONT },
      {
        config: {
          ...COMPATIBILITY,
          name: 'app',
          manifest: { mainModule, modules },
          env: {
            MODELS: { type: 'r2', name: 'models' },
            MODEL: text(`${id}@${revision}`),
            ALLOWED_ORIGINS: text('*'),
            CACHE: text('on'),
          },
        },
      },
    ],
  } as unknown as ConstructorParameters<typeof Miniflare>[0]);
  url = await miniflare.ready;
  const bucket = await miniflare.getR2Bucket('MODELS', 'app');
  for (const name of files) await bucket.put(objectKey(id, revision, name), await readFile(join(folder, name)));
});
afterAll(() => miniflare.dispose());

const GREATEST = JSON.stringify({
  inputs: `${'\u0001'.repeat(32_700)} [MASK]`,
  parameters: { top_k: 20, truncation: true },
});

/** @returns the statuses, and what waits until these readers have left */
async function stall(n: number) {
  const response = await fetch(new URL(`/stall?n=${n}`, url), { method: 'POST', body: GREATEST });
  return {
    statuses: JSON.parse(response.headers.get('statuses') ?? '[]') as number[],
    async leave() {
      await fetch(new URL('/leave', url));
      await response.arrayBuffer();
    },
  };
}

const bytesOf = async () => {
  const { script, wasm } = await memoryOf(miniflare);
  return script + wasm;
};
const ask = async (body: object) =>
  (await fetch(new URL('/fill-mask', url), { method: 'POST', body: JSON.stringify(body) })).status;

it('take no more memory than they may, and leave none behind', async () => {
  expect(await ask({ inputs: 'The [MASK] barked.' })).toBe(200);
  const few = await stall(6);
  expect(few.statuses).toEqual(Array<number>(6).fill(200));
  const before = await bytesOf();
  const many = await stall(32);
  const during = await bytesOf();
  expect(during).toBeLessThan(ISOLATE_BYTES);
  expect(during - before).toBeLessThan(MAX_HELD_BYTES);
  expect(new Set(many.statuses)).toEqual(new Set([200, 429]));
  expect(await ask({ inputs: 'The [MASK] barked again.' })).toBe(200);
  await many.leave();
  await few.leave();
  const again = await stall(12);
  expect(again.statuses).toEqual(Array<number>(12).fill(200));
  await again.leave();
});
