import { describe, expect, it } from 'vitest';

import { type Manifest, parseManifest, revisionOf, sealManifest } from '../../../src/model/manifest.ts';

const files: Manifest['files'] = [
  { name: 'model.onnx', bytes: 10, sha256: 'a'.repeat(64) },
  { name: 'tokenizer.bin', bytes: 20, sha256: 'b'.repeat(64) },
];

async function sealed(changed: object = {}): Promise<Manifest> {
  return sealManifest({
    format: 3,
    id: 'model',
    revision: await revisionOf(files),
    files,
    architecture: {
      family: 'albert',
      vocab_size: 1,
      embedding_size: 1,
      hidden_size: 1,
      num_hidden_layers: 1,
      num_attention_heads: 1,
      intermediate_size: 1,
      max_position_embeddings: 1,
    },
    special_tokens: { mask: { id: 4, token: '[MASK]' }, unk: { id: 1, token: '<unk>' } },
    heads: ['mlm'],
    quantization: {
      'model.onnx': {
        weights: 'int8',
        activations: 'uint8',
        error: { texts: 1, masks: 1, top1_agreement: 1, mean_kl: 0, max_score_error: 0 },
      },
    },
    license: 'none',
    source: 'nowhere',
    ...changed,
  });
}

describe('a manifest', () => {
  it('is read back as it was sealed', async () => {
    const manifest = await sealed();
    expect(await parseManifest(JSON.stringify(manifest, null, 2), 'model', manifest.revision)).toEqual(manifest);
  });

  it('has a revision that depends on the files and not on their order', async () => {
    expect(await revisionOf(files.toReversed())).toBe(await revisionOf(files));
    expect(await revisionOf(files.map((file) => ({ ...file, sha256: 'c'.repeat(64) })))).not.toBe(
      await revisionOf(files),
    );
  });

  it.each([
    ['is no JSON', (text: string) => text.slice(1), /not JSON/],
    ['lacks a field', (text: string) => text.replace('"license"', '"licence"'), /wrong lice/],
    [
      'has a number changed',
      (text: string) => text.replace('"max_position_embeddings":1', '"max_position_embeddings":2'),
      /altered/,
    ],
    ['has a text changed', (text: string) => text.replace('nowhere', 'nowhera'), /altered/],
  ])('that %s is refused', async (_, alter, wrong) => {
    const manifest = await sealed();
    expect(await parseManifest(alter(JSON.stringify(manifest)), 'model', manifest.revision)).toEqual({
      wrong: expect.stringMatching(wrong) as string,
    });
  });

  it('that lists a file twice is refused', async () => {
    const twice = await sealed({ files: [...files, ...files] });
    expect(await parseManifest(JSON.stringify(twice), 'model', twice.revision)).toEqual({
      wrong: 'has a wrong files: each file can be listed once',
    });
  });

  it('of another model is refused', async () => {
    const manifest = await sealed();
    expect(await parseManifest(JSON.stringify(manifest), 'other', manifest.revision)).toEqual({
      wrong: `belongs to model@${manifest.revision}`,
    });
  });

  it('whose files are of another revision is refused', async () => {
    const manifest = await sealed({ revision: '0'.repeat(16) });
    expect(await parseManifest(JSON.stringify(manifest), 'model', '0'.repeat(16))).toEqual({
      wrong: 'lists files of another revision',
    });
  });
});
