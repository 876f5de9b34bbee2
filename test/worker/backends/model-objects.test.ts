import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { builtFile, fillBucket, freshApp, keyOf, OBJECTS, type ObjectName } from '../bucket.ts';

/** The bucket, where the first read of an object breaks off half-way. @param meanwhile is called before it goes on */
function breaking(key: string, meanwhile: () => Promise<unknown> = () => Promise.resolve()) {
  const offsets: number[] = [];
  const get = async (asked: string, rest?: R2GetOptions & { onlyIf: R2Conditional }) => {
    if (rest) await meanwhile();
    const found = await (rest ? env.MODELS.get(asked, rest) : env.MODELS.get(asked));
    if (asked !== key) return found;
    offsets.push((rest?.range as { offset?: number } | undefined)?.offset ?? 0);
    if (!found || rest || !('body' in found)) return found;
    const half = (await found.arrayBuffer()).slice(0, found.size / 2);
    return { size: found.size, etag: found.etag, body: new Response(half).body };
  };
  return { MODELS: { get } as unknown as R2Bucket, offsets };
}

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

describe.each(OBJECTS)('%s that breaks off half-way', (name) => {
  it('is read on from there', async () => {
    const { MODELS, offsets } = breaking(keyOf(name));
    expect((await freshApp({ CACHE: 'off', MODELS }).ask(question)).status).toBe(200);
    expect(offsets).toEqual([0, Math.floor((await builtFile(name)).length / 2)]);
  });

  it('and is replaced meanwhile is a 502 that says so', async () => {
    const { MODELS } = breaking(keyOf(name), () => damaged(name, (bytes) => bytes.fill(32, -1)));
    const response = await freshApp({ CACHE: 'off', MODELS }).ask(question);
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({
      error: expect.stringContaining(`${keyOf(name)} was replaced while it was read`),
    });
  });
});
