/** A run that really fails: the tokenizer has one id more than the weights. */
import { kind } from '#kind';
import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';

import { type Manifest, objectKey, revisionOf, sealManifest, sha256Hex } from '../../../src/model/manifest.ts';
import { FIELDS } from '../../../src/tokenizer/vocabulary/format.ts';
import { builtFile, freshApp } from '../bucket.ts';

/** The built model with one more token, in the bucket under its own revision. */
async function putModelWithTooManyTokens(): Promise<{ MODEL: string; weights: string }> {
  const { checksum: _, ...manifest } = JSON.parse(
    new TextDecoder().decode(await builtFile('manifest.json')),
  ) as Manifest;
  const tokenizer = (await builtFile('tokenizer.bin')).slice();
  const words = new Uint32Array(tokenizer.buffer, 0, FIELDS.length);
  const [at = 0, length = 0] = [words[FIELDS.indexOf('json_at')], words[FIELDS.indexOf('json_bytes')]];
  const json = tokenizer.subarray(at, at + length);
  const stages = JSON.parse(new TextDecoder().decode(json)) as { added_tokens: { id: number; content: string }[] };
  Object.assign(stages.added_tokens[0] ?? {}, { id: manifest.architecture.vocab_size, content: '[MORE]' });
  // Shorter without a field that nothing reads, so that the rest can be filled with spaces.
  const shorter = JSON.stringify(stages, (key, value: unknown) => (key === 'special' ? undefined : value));
  json.set(new TextEncoder().encode(shorter.padEnd(length)));
  const contents = {
    'tokenizer.bin': tokenizer,
    [kind.file]: await builtFile(kind.file),
  };
  const files = await Promise.all(
    Object.entries(contents).map(async ([name, bytes]) => ({
      name: name as Manifest['files'][number]['name'],
      bytes: bytes.length,
      sha256: await sha256Hex(bytes),
    })),
  );
  const revision = await revisionOf(files);
  const sealed = await sealManifest({ ...manifest, id: 'one-more', revision, files });
  for (const [name, bytes] of Object.entries(contents)) {
    await env.MODELS.put(objectKey('one-more', revision, name as 'tokenizer.bin'), bytes);
  }
  await env.MODELS.put(objectKey('one-more', revision, 'manifest.json'), JSON.stringify(sealed));
  return { MODEL: `one-more@${revision}`, weights: objectKey('one-more', revision, kind.file) };
}

describe('a run that fails', () => {
  it('is a 500, and the next request gets a new backend', async () => {
    const { MODEL, weights } = await putModelWithTooManyTokens();
    const app = freshApp({ MODEL, CACHE: 'off' });
    const good = { inputs: 'The [MASK] barked.' };
    const before = await (await app.ask(good)).json();

    const response = await app.ask({ inputs: 'The [MORE] [MASK] barked.' });
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ error_type: 'internal' });

    // It is read again, which fails without the weights in the bucket.
    const kept = await (await env.MODELS.get(weights))?.arrayBuffer();
    await env.MODELS.delete(weights);
    expect((await app.ask(good)).status).toBe(502);
    await env.MODELS.put(weights, kept ?? '');
    // After the pause in which a failure answers all requests.
    await vi.waitUntil(async () => (await app.ask(good)).status === 200, { timeout: 3_000, interval: 200 });
    expect(await (await app.ask(good)).json()).toEqual(before);
  });
});
