/** How a masked text is encoded without offsets, and cut: the same as from all of its tokens with offsets. */
import { describe, expect, it } from 'vitest';

import { seeded } from '../../../models/evaluation/random.ts';
import type { LoadedTokenizer } from '../../../src/model/loaded-model.ts';
import { encodeText } from '../../../src/pipelines/encode-text.ts';
import { tokenize } from '../../../src/pipelines/tokenize.ts';
import { findMasks, type MaskedText } from '../../../src/tokenizer/masks.ts';
import type { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';
import {
  addedToken,
  albertJson,
  bertJson,
  createSmall,
  robertaJson,
  type TokenizerJson,
} from '../tokenizer/small-tokenizers.ts';

const sequence = (...normalizers: unknown[]) => ({ type: 'Sequence', normalizers });
const replace = (Regex: string, content: string) => ({ type: 'Replace', pattern: { Regex }, content });
const metaspace = (fields: object) => ({ type: 'Metaspace', replacement: '\u2581', ...fields });
/** Of no rules. */
const precompiled = { type: 'Precompiled', precompiled_charsmap: btoa('\x04\0\0\0\0\0\0\0x\0') };
const albertWith = (fields: object): TokenizerJson => ({ ...albertJson(), ...fields });
/** A mask is found in the normalized text only, with the blanks before it. */
const normalizedMask = () => {
  const json = bertJson();
  json.added_tokens = json.added_tokens.map((one) =>
    one.id === 4 ? addedToken('[MASK]', 4, { lstrip: true, normalized: true }) : one,
  );
  return json;
};

const KINDS: [string, TokenizerJson][] = [
  ['WordPiece', bertJson()],
  ['WordPiece with a mask that is normalized', normalizedMask()],
  ['byte-level BPE', robertaJson()],
  ['byte-level BPE with a blank before the text', robertaJson(true)],
  ['unigram', albertJson()],
  [
    'unigram over the whole text',
    albertWith({ normalizer: { type: 'NFKC' }, pre_tokenizer: metaspace({ split: false }) }),
  ],
  [
    'unigram with a blank before the first word only',
    albertWith({
      normalizer: sequence({ type: 'Strip', strip_left: true, strip_right: false }, { type: 'NFC' }),
      pre_tokenizer: metaspace({ prepend_scheme: 'first' }),
    }),
  ],
  [
    'unigram with steps that join, prepend and grow',
    albertWith({
      normalizer: sequence(precompiled, { type: 'Nmt' }, replace(' {2,}', ' '), replace('x', 'love a'), {
        type: 'Prepend',
        prepend: 'a',
      }),
    }),
  ],
];

const ATOMS = [
  'love',
  'walking',
  'a',
  'x',
  ' ',
  ' ',
  '  ',
  '\n',
  '\r\n',
  '.',
  ',',
  '!',
  "'s",
  '[SEP]',
  '[MASK',
  '</s>',
  '\u2581',
  'é',
  'e\u0301\u0323',
  '\u0301',
  '\ufdfa',
  'ﬁ',
  'Σ',
  'İ',
  '漢',
  '각',
  '\u1100\u1161',
  '👩‍👩‍👧',
  '\ud83d',
  '\0',
  '\u200b',
  '［MASK］',
];
const MASKS = ['[MASK]', '<mask>', ' [MASK]'];

describe('a masked text', () => {
  it.each(KINDS)('is encoded without offsets as with them, by %s', (_, json) => {
    const tokenizer = createSmall(json);
    const { id = -1, content = '' } = json.added_tokens.find((one) => /mask/i.test(one.content)) ?? {};
    const random = seeded(34);
    const some = <T>(values: readonly T[]) => values[random(values.length)] as T;
    // Words longer than what is left of a text, and texts that grow too long.
    const part = () =>
      (random(4) === 0 ? String.fromCharCode(random(0x10000)) : some(ATOMS)).repeat(random(12) === 0 ? random(400) : 1);
    const parts = (count: number) => Array.from({ length: random(count) }, part).join('');
    const seen = new Set<string>();
    for (let round = 0; round < 120; round++) {
      const masks = Array.from({ length: 1 + random(3) }, () => some(MASKS) + parts(random(8) === 0 ? 60 : 8));
      const text = findMasks(parts(30) + masks.join('') + parts(30), content);
      const max_position_embeddings = some([6, 12, 40, 512]);
      const question = { truncation: random(4) > 0, targets: some<string[]>([[], ['love'], ['walking', 'a love']]) };
      const encodeWith = (by: Pick<Tokenizer, 'encodeIds'>) => {
        const manifest = {
          architecture: { max_position_embeddings },
          special_tokens: { mask: { id, token: content } },
        };
        const loaded = { tokenizer: { ...tokenizer, ...by }, manifest } as unknown as LoadedTokenizer;
        const result = encodeText(text, undefined, question, loaded);
        seen.add(result.ok ? ('truncated' in result.value ? 'cut' : 'whole') : result.error.reason);
        return result;
      };
      const withOffsets = (masked: MaskedText) => {
        const { input_ids, token_type_ids, masked_positions } = tokenizer.encode(masked);
        return { input_ids, token_type_ids, masked_positions };
      };
      expect(encodeWith(tokenizer), JSON.stringify(text)).toEqual(encodeWith({ encodeIds: withOffsets }));
    }
    expect([...seen]).toEqual(expect.arrayContaining(['cut', 'whole', 'too_many_tokens', 'masks_too_far_apart']));
  });

  it('is read once, and without offsets', () => {
    const calls: string[] = [];
    const tokenizer = createSmall(bertJson());
    const counted = {
      ...tokenizer,
      encode: () => calls.push('encode'),
      encodeIds: (masked: MaskedText) => (calls.push('encodeIds'), tokenizer.encodeIds(masked)),
    };
    const manifest = { architecture: { max_position_embeddings: 8 }, special_tokens: { mask: { token: '[MASK]' } } };
    const loaded = { tokenizer: counted, manifest } as unknown as LoadedTokenizer;
    const text = findMasks(`${'love '.repeat(20)}[MASK]`);
    const result = encodeText(text, undefined, { truncation: true }, loaded);
    expect(result).toMatchObject({ value: { truncated: { tokens_before: 15, tokens_after: 0 } } });
    expect(calls).toEqual(['encodeIds']);
  });
});

describe('texts with too many tokens together', () => {
  it('are refused before the tokens of the last one are presented', async () => {
    const tokenizer = createSmall(bertJson());
    let presented = 0;
    const decode = (ids: readonly number[]) => (presented++, tokenizer.decode(ids));
    const manifest = { special_tokens: { mask: { token: '[MASK]' } } };
    const loaded = { tokenizer: { ...tokenizer, decode }, manifest } as unknown as LoadedTokenizer;
    const texts = Array.from({ length: 5 }, () => '!'.repeat(4094));
    const result = await tokenize({ texts, isList: true }, { loadTokenizer: () => Promise.resolve(loaded) });
    expect(result).toMatchObject({ error: { reason: 'too_many_tokens_in_all', tokens: 5 * 4096 } });
    expect(presented).toBe(4 * 4096);
  });
});
