/** What all stages of a tokenizer do together. Each stage by itself has a test file beside this one. */
import { describe, expect, it } from 'vitest';

import { seeded } from '../../../models/evaluation/random.ts';
import { fillIn, findMasks } from '../../../src/tokenizer/masks.ts';
import type { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';
import {
  addedToken,
  albertJson,
  bertJson,
  createSmall,
  idsOf,
  piecesOf,
  robertaJson,
  SMALL,
  type SmallName,
} from './small-tokenizers.ts';

describe('a text', () => {
  it.each<[SmallName, string, string, string[]]>([
    ['bert', 'Walking (e\u0301) éx', '[CLS] walk ##ing ( e ) [UNK] [SEP]', ['Walk', 'ing', '(', 'e', ')', 'éx']],
    ['bert', '<mask>漢[MASK]', '[CLS] [MASK] 漢 [MASK] [SEP]', ['<mask>', '漢', '[MASK]']],
    ['roberta', 'a  love <mask>', '<s> a Ġ Ġlove <mask> </s>', ['a', '', 'love', '<mask>']],
    // Each byte of a character has the whole character.
    ['roberta, prefixed', 'é😀', '<s> Ġ Ã © ð Ł ĺ Ģ </s>', ['', 'é', 'é', '😀', '😀', '😀', '😀']],
    ['albert', 'Löve ☃☃a', '[CLS] \u2581love \u2581 <unk> a [SEP]', ['Löve', '☃', '☃☃', 'a']],
    ['albert', '', '[CLS] [SEP]', []],
  ])('by %s: %j has the pieces %s', (name, text, pieces, parts) => {
    const { input_ids, token_type_ids, offsets } = SMALL[name].encode(findMasks(text));
    expect(piecesOf(SMALL[name], input_ids)).toBe(pieces);
    expect(token_type_ids.every((type) => type === 0)).toBe(true);
    const bounds = Array.from(input_ids, (_, i) => text.slice(offsets[2 * i], offsets[2 * i + 1]));
    expect(bounds).toEqual(['', ...parts, '']);
  });

  it('with an added token that includes the spaces around it has them in its offsets', () => {
    const json = bertJson();
    json.added_tokens.push(addedToken('!', 500, { lstrip: true, rstrip: true, normalized: true }));
    const { input_ids, offsets } = createSmall(json).encode(findMasks('I \t! \n i'));
    expect([...input_ids]).toEqual([2, 8, 500, 8, 3]);
    expect([...offsets]).toEqual([0, 0, 0, 1, 1, 7, 7, 8, 0, 0]);
  });

  it('has no mask in what only becomes a mask by normalization', () => {
    const json = { ...albertJson(), normalizer: { type: 'NFKC' }, pre_tokenizer: null };
    const { input_ids, masked_positions } = createSmall(json).encode(findMasks('[ＭASK]a[MASK]'));
    expect([...input_ids]).toEqual([2, 4, 8, 4, 3]);
    expect([...masked_positions]).toEqual([3]);
  });

  it('that grows too long is refused, however many added tokens divide it', () => {
    const growing = `${'\ufdfa'.repeat(100)}[SEP]`.repeat(20);
    for (const text of [growing, `${growing}[MASK]`]) {
      const refused = `more than ${4 * text.length} characters when it is normalized`;
      expect(() => SMALL.albert.encode(findMasks(text))).toThrow(refused);
      expect(() => SMALL.albert.encodeIds(findMasks(text))).toThrow(refused);
      expect(() => SMALL.albert.encodePair(text, '')).toThrow(refused);
    }
  });

  it('has the masks that the tokenizer finds, whatever the caller found', () => {
    expect([...SMALL.bert.encode({ text: 'I [MASK]', masks: [] }).masked_positions]).toEqual([2]);
    const json = bertJson();
    json.added_tokens = json.added_tokens.map((token) => ({ ...token, single_word: token.content === '[MASK]' }));
    expect([...createSmall(json).encode(findMasks('[MASK]s [MASK]')).masked_positions].length).toBe(1);
  });

  it.each(['bert', 'roberta', 'albert'] as const)(
    'at random has ascending offsets and all its masks, by %s',
    (name) => {
      const random = seeded(7);
      const atoms = [
        '[MASK]',
        '<mask>',
        'love',
        ' ',
        '\n',
        'é',
        'e\u0301',
        '😀',
        '\ud83d',
        '\ude00',
        '漢',
        '\0',
        '[SEP]',
        'İ',
      ];
      for (let round = 0; round < 1500; round++) {
        const text = Array.from({ length: random(10) }, () =>
          random(3) === 0 ? String.fromCharCode(random(0x10000)) : atoms[random(atoms.length)],
        ).join('');
        const masked = findMasks(text);
        const { input_ids, token_type_ids, masked_positions, offsets } = SMALL[name].encode(masked);
        const starts = offsets.filter((_, i) => i % 2 === 0).subarray(1, -1);
        const ends = offsets.filter((_, i) => i % 2 === 1).subarray(1, -1);
        expect([offsets.length, token_type_ids.length]).toEqual([2 * input_ids.length, input_ids.length]);
        expect([...offsets.subarray(0, 2), ...offsets.subarray(-2)]).toEqual([0, 0, 0, 0]);
        expect([...starts], JSON.stringify(text)).toEqual(Array.from(starts.toSorted()));
        expect(ends.every((end, i) => end >= (starts[i] ?? 0) && end <= text.length)).toBe(true);
        const found = Array.from(masked_positions, (i) => text.slice(offsets[2 * i], offsets[2 * i + 1]).trim());
        expect(found).toEqual(masked.masks.map(({ start, end }) => text.slice(start, end)));
      }
    },
  );
});

describe('a pair of texts', () => {
  it.each<[SmallName, string, string, string, string, string[]]>([
    [
      'bert',
      ...(['I walk [MASK]', 'Löve\u0301 (i)', '[CLS] i walk [MASK] [SEP] love ( i ) [SEP]', '0000011111'] as const),
      ['', 'I', 'walk', '[MASK]', '', 'Löve', '(', 'i', ')', ''],
    ],
    ['bert', '', '', '[CLS] [SEP] [SEP]', '001', ['', '', '']],
    [
      'roberta',
      ...([' love<mask>', ' love  a', '<s> Ġlove <mask> </s> </s> Ġlove Ġ Ġ a </s>', '0000000000'] as const),
      ['', 'love', '<mask>', '', '', 'love', '', '', 'a', ''],
    ],
    ['albert', 'love', 'a', '[CLS] \u2581love [SEP] \u2581a [SEP]', '00011', ['', 'love', '', 'a', '']],
  ])('by %s: %j and %j are %s of the types %s', (name, first, second, pieces, types, parts) => {
    const { input_ids, token_type_ids, masked_positions, offsets } = SMALL[name].encodePair(first, second);
    expect(piecesOf(SMALL[name], input_ids)).toBe(pieces);
    expect(token_type_ids.join('')).toBe(types);
    expect(masked_positions).toHaveLength(0);
    const begins = SMALL[name].encodePair(first, '').input_ids.length - 1;
    const textOf = (i: number) => (i < begins ? first : second);
    expect(Array.from(input_ids, (_, i) => textOf(i).slice(offsets[2 * i], offsets[2 * i + 1]))).toEqual(parts);
  });
});

const byteLevel = (pre_tokenizer: unknown) => createSmall({ ...robertaJson(), pre_tokenizer });

describe('the words of a text', () => {
  const spelling = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
  const WORDS: Record<string, Tokenizer> = {
    ...SMALL,
    // Whose pre-tokenizer leaves signs at the letters before them.
    'spaced bytes': byteLevel({ type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, spelling] }),
    'bytes alone': byteLevel(spelling),
    'words of signs': createSmall({ ...robertaJson(), pre_tokenizer: { type: 'Whitespace' }, decoder: null }),
  };

  it.each<[string, string, string]>([
    ['bert', 'walking (ing) unable', 'walk·##ing ( ing ) un·##able'],
    ['bert', 'i! [SEP] i', 'i ! [SEP] i'],
    // A sign of several bytes does not continue the word before it, and a letter does.
    ['roberta', 'love😀', 'love ð·Ł·ĺ·Ģ'],
    ['roberta', 'loveé able😀able', 'love·Ã·© Ġ·able ð·Ł·ĺ·Ģ able'],
    // As with its pre-tokenizer, signs are one word together, and digits are one.
    ['roberta', 'a😀!? a1', 'a ð·Ł·ĺ·Ģ·!·? Ġ·a 1'],
    ['roberta, prefixed', "a's love", "Ġ·a '·s Ġlove"],
    ['spaced bytes', 'love😀able loveé 😀é a!?', 'love ð·Ł·ĺ·Ģ able love·Ã·© ð·Ł·ĺ·Ģ Ã·© a ! ?'],
    ['bytes alone', 'love😀 aé😀', 'love ð·Ł·ĺ·Ģ Ġ a·Ã·© ð·Ł·ĺ·Ģ'],
    ['albert', 'loveable a', '\u2581love·able \u2581a'],
    // No piece says where a word begins: the pre-tokenizer knows.
    ['words of signs', 'ab ab', 'ab ab'],
  ])('by %s: those of %j are %j', (name, text, words) => {
    const tokenizer = WORDS[name] as Tokenizer;
    const { begins, ...encoding } = tokenizer.encodeWords(text);
    const { input_ids } = encoding;
    const found = Array.from(input_ids, (id, i) => (begins[i] === 1 ? ' ' : '·') + tokenizer.piece(id));
    expect(found.slice(1, -1).join('').trim()).toBe(words);
    expect(encoding).toEqual(tokenizer.encode({ text, masks: [] }));
  });
});

describe('a target', () => {
  it.each<[SmallName, string, string[], string]>([
    ['bert', 'ing', ['k'], '##ing'],
    ['bert', 'able', ['n'], '##able'],
    ['bert', ' Ing ', ['', ' ', '\n', '(', ']', '漢'], 'ing'],
    ['bert', '!', ['k'], '!'],
    ['bert', '漢', ['k'], '漢'],
    ['bert', '1', ['€'], '##1'],
    ['bert', 'love i', ['k'], '[UNK] i'],
    ['roberta', ' love ', [' ', '\n'], 'Ġlove'],
    ['roberta', 'love', ['', 'x', '(', '😀'], 'love'],
    ['roberta, prefixed', 'love', ['', ' '], 'Ġlove'],
    ['roberta, prefixed', 'love', ['x', '('], 'love'],
    ['albert', 'love', ['', ' '], '\u2581love'],
    ['albert', 'love', ['a', '('], 'love'],
    // A piece as the vocabulary spells it, whatever is before the mask.
    ['bert', '##ing', ['', 'k', ' ', '('], '##ing'],
    ['bert', ' ##! ', ['', 'k'], '##!'],
    ['bert', '[MASK]', ['', 'k'], '[MASK]'],
    ['roberta', 'Ġlove', ['', 'k', ' ', '('], 'Ġlove'],
    ['roberta, prefixed', 'Ġlove', ['x', ' '], 'Ġlove'],
    ['roberta', 'Ġ', ['', 'x'], 'Ġ'],
    ['albert', '\u2581love', ['', 'a', ' '], '\u2581love'],
    // Not in the vocabulary, or a word that is also the spelling of a piece: the text.
    ['bert', '##love', [' '], '[UNK] [UNK] love'],
    ['roberta', 'Ġlov', [' '], 'Ġ lo v'],
    ['roberta', 'able', [' '], 'Ġ able'],
    ['roberta', '\u00e9', ['', 'x'], 'Ã ©'],
  ])('by %s: %j after %j has the pieces %s', (name, target, befores, pieces) => {
    for (const before of befores) {
      expect(piecesOf(SMALL[name], SMALL[name].encodeTarget(target, before)), before).toBe(pieces);
    }
  });
});

describe('ids', () => {
  it.each<[SmallName, string, string, string]>([
    ['bert', '##ing', '##ing', 'ing'],
    ['bert', 'walk ##ing i ##s [MASK] !', 'walking is [MASK]!', 'walking is [MASK]!'],
    ['bert', '##able ##s', '##ables', 'ables'],
    ['bert', 'missing ##ing missing ##s', '##ings', 'ings'],
    ['bert', '', '', ''],
    ['roberta', 'Ã © ð Ł ĺ Ģ', 'é😀', 'é😀'],
    ['roberta', '© ð Ł ĺ Ģ', '\ufffd😀', '\ufffd😀'],
    ['roberta', '<s> Ġlove <mask> Ġ able', '<s> love<mask> able', '<s> love<mask> able'],
    ['roberta', 'Ġlove able Ġlove', ' loveable love', ' loveable love'],
    ['albert', '\u2581love able \u2581a', 'loveable a', 'loveable a'],
    ['albert', '[CLS] \u2581love', '[CLS] love', '[CLS] love'],
  ])('by %s: %s are decoded to %j and filled in as %j', (name, pieces, decoded, filled) => {
    const ids = idsOf(SMALL[name], pieces === '' ? [] : pieces.split(' '));
    expect(SMALL[name].decode(ids)).toBe(decoded);
    expect(SMALL[name].fill(ids)).toBe(filled);
  });

  it.each<[SmallName, string, string, string]>([
    ['bert', 'walk[MASK]', '##ing', 'walking'],
    ['bert', 'walk [MASK]!', 'i love', 'walk i love!'],
    ['roberta', 'I <mask> you', 'Ġlove', 'I love you'],
    ['roberta', 'I<mask> you', 'Ġlove', 'I love you'],
    ['roberta', '<mask> you', 'Ġlove', 'love you'],
  ])('by %s: in %j the pieces %s make %j', (name, text, pieces, filled) => {
    const ids = idsOf(SMALL[name], pieces.split(' '));
    expect(fillIn(findMasks(text), 0, SMALL[name].fill(ids))).toBe(filled);
  });

  it('of added tokens and of no piece do not continue a word', () => {
    const json = bertJson();
    json.added_tokens.push(addedToken('##s', 7));
    const tokenizer = createSmall(json);
    const continuing = (ids: Iterable<number>) => [...ids].filter((id) => tokenizer.continuesWord(id));
    expect(piecesOf(tokenizer, continuing(Array(400).keys()))).toBe('##ing ##able ##! ##( ##漢 ##e ##1');
    expect(SMALL.bert.continuesWord(7)).toBe(true);
  });
});
