import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { builtFile, fillBucket, freshApp, keyOf, OBJECTS, type ObjectName } from '../bucket.ts';

const question = { inputs: 'The [MASK] barked.' };

beforeEach(fillBucket);

async function damaged(name: ObjectName, damage: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  await env.MODELS.put(keyOf(name), damage(await builtFile(name)));
}

const damages: [string, (name: ObjectName) => Promise<void>][] = [
  ['missing', (name) => env.MODELS.delete(keyOf(name))],
  ['short', (name) => damaged(name, (bytes) => bytes.subarray(0, -1))],
  ['empty', (name) => damaged(name, () => new Uint8Array())],
  // One bit: in a digit or a letter of the manifest, so that the document stays JSON.
  ...[0.1, 0.5, 0.9].map((part): (typeof damages)[number] => [
    `altered by one byte at ${100 * part} %`,
    (name) =>
      damaged(name, (bytes) => {
        const at = Math.floor(bytes.length * part);
        bytes[at] = (bytes[at] ?? 0) ^ 1;
        return bytes;
      }),
  ]),
];

describe.each(OBJECTS)('%s', (name) => {
  it.each(damages)('%s: a 502 names it, and a request after the pause retries', async (_, damage) => {
    await damage(name);
    const app = freshApp({ CACHE: 'off' });
    for (let attempt = 0; attempt < 2; attempt++) {
      const response = await app.ask(question);
      expect(response.status).toBe(502);
      expect(await response.json()).toMatchObject({
        error_type: 'model_unavailable',
        error: expect.stringContaining(keyOf(name)),
      });
    }
    await fillBucket();
    // After the pause in which a failure answers all requests.
    await vi.waitUntil(async () => (await app.ask(question)).status === 200, { timeout: 5_000, interval: 200 });
  });
});
