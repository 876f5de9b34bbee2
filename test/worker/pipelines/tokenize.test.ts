import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, it } from 'vitest';

import type { Tokenized } from '../../../src/schemas/tokenize.ts';
import { fillBucket, freshApp } from '../bucket.ts';

const app = freshApp();
beforeAll(fillBucket);

describe('POST /tokenize', () => {
  it('gives ids, pieces and their offsets in the original text', async () => {
    const text = 'Un😀 [MASK]  CAFÉ!';
    const { tokens } = await app.answer<Tokenized>({ inputs: text }, '/tokenize');
    expect(tokens[0]).toMatchObject({ piece: '[CLS]', special: true, offsets: { utf16: [0, 0], code_points: [0, 0] } });
    expect(tokens.at(-1)).toMatchObject({ piece: '[SEP]', special: true });
    const inner = tokens.slice(1, -1);
    expect(inner.every(({ special }) => !special)).toBe(true);
    for (const { offsets } of inner) {
      const part = text.slice(...offsets.utf16);
      expect(
        Array.from(text)
          .slice(...offsets.code_points)
          .join(''),
      ).toBe(part);
    }
    const places = inner.map(({ piece, offsets }) => [piece, text.slice(...offsets.utf16)]);
    expect(places).toContainEqual(['[MASK]', '[MASK]']);
    expect(places).toContainEqual(['cafe', 'CAFÉ']);
  });

  it('gives the ids that the model gets, and a list for a list', async () => {
    const [one, other] = await app.answer<Tokenized[]>({ inputs: ['The [MASK] saw a dog.', '   '] }, '/tokenize');
    expect(one?.tokens.map(({ token_str }) => token_str)).toEqual([
      '[CLS]',
      'the',
      '[MASK]',
      'saw',
      'a',
      'dog',
      '.',
      '[SEP]',
    ]);
    expect(other?.tokens.map(({ piece }) => piece)).toEqual(['[CLS]', '[SEP]']);
  });

  it('needs no weights', async () => {
    const read: string[] = [];
    const bucket = { get: (key: string) => (read.push(key), env.MODELS.get(key)) } as unknown as R2Bucket;
    expect((await freshApp({ MODELS: bucket }).ask({ inputs: 'A dog.' }, '/tokenize')).status).toBe(200);
    expect(new Set(read.map((key) => key.split('/').at(-1)))).toEqual(new Set(['manifest.json', 'tokenizer.bin']));
  });
});
