import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, it } from 'vitest';

import { MAX_TEXT_LENGTH, MAX_TOKENIZED } from '../../../src/limits.ts';
import type { LoadedTokenizer } from '../../../src/model/loaded-model.ts';
import { tokenize } from '../../../src/pipelines/tokenize.ts';
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

/** Texts of 1,024 tokens. */
const textsOf = (count: number) => Array.from({ length: count }, () => 'a'.repeat(1022));
const loadNothing = () => Promise.reject(new Error('it is loaded'));

describe('the pipeline', () => {
  /** A token for each character, between two special ones. */
  const loaded = {
    manifest: { special_tokens: { mask: { id: 1, token: '[MASK]' } } },
    tokenizer: {
      encode: ({ text }: { text: string }) => ({
        input_ids: new Int32Array(text.length + 2).fill(7),
        offsets: Array.from({ length: 2 * (text.length + 2) }, (_, i) =>
          Math.min(Math.max(Math.floor((i - 1) / 2), 0), text.length),
        ),
      }),
      piece: (token: number) => `piece ${token}`,
      decode: (tokens: number[]) => `text of ${tokens.join()}`,
    },
  } as unknown as LoadedTokenizer;
  const loadTokenizer = () => Promise.resolve(loaded);

  it('gives as many tokens as the limit, and no more', async () => {
    const full = await tokenize({ texts: textsOf(MAX_TOKENIZED / 1024), isList: true }, { loadTokenizer });
    expect(full.ok && full.value.reduce((sum, { tokens }) => sum + tokens.length, 0)).toBe(MAX_TOKENIZED);
    const more = [...textsOf(MAX_TOKENIZED / 1024 - 1), 'a'.repeat(1023)];
    expect(await tokenize({ texts: more, isList: true }, { loadTokenizer })).toEqual({
      ok: false,
      error: { reason: 'too_many_tokens_in_all', tokens: MAX_TOKENIZED + 1, limit: MAX_TOKENIZED },
    });
  });

  it('loads nothing for texts that are refused', async () => {
    const long = { texts: ['a'.repeat(MAX_TEXT_LENGTH + 1)], isList: false };
    expect(await tokenize(long, { loadTokenizer: loadNothing })).toMatchObject({ ok: false });
  });

  it('marks the first and the last token as special, and has offsets in both units', async () => {
    const found = await tokenize({ texts: ['ab'], isList: false }, { loadTokenizer });
    const tokens = found.ok ? (found.value[0]?.tokens ?? []) : [];
    expect(tokens.map(({ special }) => special)).toEqual([true, false, false, true]);
    expect(tokens[2]).toMatchObject({ token: 7, piece: 'piece 7', token_str: 'text of 7' });
    expect(tokens[2]?.offsets).toEqual({ utf16: [1, 2], code_points: [1, 2] });
  });
});
