/**
 * The pipeline of a tokenizer on vocabularies of a few pieces: what stands where, what is refused, and how much work a
 * text is.
 */
import { describe, expect, it } from 'vitest';

import { seeded } from '../../../models/evaluation/random.ts';
import { spellBytes } from '../../../src/tokenizer/pre-tokenizers/byte-level.ts';
import { fillIn, findMasks } from '../../../src/tokenizer/masks.ts';
import { createTokenizer } from '../../../src/tokenizer/create-tokenizer.ts';
import type { SpecialTokens, Tokenizer } from '../../../src/tokenizer/tokenizer.ts';

type Json = Record<string, unknown>;

const added = (content: string, id: number, flags = {}) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
  ...flags,
});
const numbered = (pieces: readonly string[]) => Object.fromEntries(pieces.map((piece, id) => [piece, id]));

const BERT_PIECES = [
  '[PAD] [UNK] [CLS] [SEP] [MASK] walk ##ing ##s i love un ##able able ing ( ) ! ##! ##( 漢 ##漢 e ##e ##1 1',
].flatMap((line) => line.split(' '));
const BERT = (): Json => ({
  added_tokens: BERT_PIECES.slice(0, 5).map((token, id) => added(token, id)),
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: { type: 'BertProcessing', cls: ['[CLS]', 2], sep: ['[SEP]', 3] },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: numbered(BERT_PIECES),
  },
});

const MERGES = ['l o', 'v e', 'lo ve', 'Ġ love', 'a b', 'ab l', 'abl e', 'a a', 'aa aa'];
const BYTES = new Set(spellBytes(Array.from({ length: 128 }, (_, byte) => String.fromCharCode(byte)).join('') + 'é😀'));
const ROBERTA_PIECES = [
  '<s>',
  '<pad>',
  '</s>',
  '<unk>',
  ...BYTES,
  ...MERGES.map((pair) => pair.replace(' ', '')),
  '<mask>',
];
const ROBERTA = (add_prefix_space = false): Json => ({
  added_tokens: [0, 1, 2, 3, ROBERTA_PIECES.length - 1].map((id) =>
    added(ROBERTA_PIECES[id] ?? '', id, { lstrip: ROBERTA_PIECES[id] === '<mask>' }),
  ),
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space, trim_offsets: true, use_regex: true },
  post_processor: {
    type: 'RobertaProcessing',
    cls: ['<s>', 0],
    sep: ['</s>', 2],
    trim_offsets: true,
    add_prefix_space,
  },
  decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: { type: 'BPE', unk_token: null, vocab: numbered(ROBERTA_PIECES), merges: MERGES },
});

const ALBERT_PIECES: [string, number][] = [
  ...['<pad>', '<unk>', '[CLS]', '[SEP]', '[MASK]'].map((token): [string, number] => [token, 0]),
  ['\u2581', -4],
  ['\u2581love', -2],
  ['love', -3],
  ['a', -3],
  ['\u2581a', -3],
  ['able', -3],
];
const ALBERT = (): Json => ({
  added_tokens: ALBERT_PIECES.slice(0, 5).map(([token], id) => added(token, id)),
  normalizer: { type: 'Sequence', normalizers: [{ type: 'NFKD' }, { type: 'StripAccents' }, { type: 'Lowercase' }] },
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [
      { type: 'WhitespaceSplit' },
      { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'always' },
    ],
  },
  post_processor: { type: 'BertProcessing', cls: ['[CLS]', 2], sep: ['[SEP]', 3] },
  decoder: { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'always' },
  model: { type: 'Unigram', unk_id: 1, vocab: ALBERT_PIECES },
});

/** The mask and the unknown token of any of the three. */
function specialTokensOf(json: Json): SpecialTokens {
  const tokens = json['added_tokens'] as { id: number; content: string }[];
  const find = (pattern: RegExp) => {
    const { id = -1, content = '' } = tokens.find((one) => pattern.test(one.content)) ?? {};
    return { id, token: content };
  };
  return { mask: find(/mask/i), unk: find(/unk/i) };
}
const create = (json: Json) => createTokenizer(json, specialTokensOf(json));
const bert = create(BERT());
const roberta = create(ROBERTA());
const albert = create(ALBERT());

const pieces = (tokenizer: Tokenizer, text: string) =>
  Array.from(tokenizer.encode(findMasks(text)).input_ids, (id) => tokenizer.piece(id)).slice(1, -1);
/** The ids of pieces; −1 for one that the vocabulary lacks. */
const idsOf = (tokenizer: Tokenizer, ...words: readonly string[]) => {
  const known = Array.from({ length: 400 }, (_, id) => tokenizer.piece(id));
  return words.map((piece) => known.indexOf(piece));
};
/** The pieces of a vocabulary that go on within a word. */
const continuing = (tokenizer: Tokenizer, vocabulary: readonly string[]) =>
  vocabulary.filter((_, id) => tokenizer.continuesWord(id)).join(' ');
/** The pieces of a pair, special ones as they are; their types; and the parts of the two texts that they come from. */
function readPair(tokenizer: Tokenizer, first: string, second: string) {
  const { input_ids, token_type_ids, masked_positions, offsets } = tokenizer.encodePair(first, second);
  const begins = tokenizer.encodePair(first, '').input_ids.length - 1;
  expect(masked_positions).toHaveLength(0);
  return {
    pieces: Array.from(input_ids, (id) => tokenizer.piece(id)).join(' '),
    types: token_type_ids.join(''),
    slices: Array.from(input_ids, (_, i) => (i < begins ? first : second).slice(offsets[2 * i], offsets[2 * i + 1])),
  };
}
const target = (tokenizer: Tokenizer, word: string, before: string) =>
  tokenizer.encodeTarget(word, before).map((id) => tokenizer.piece(id));
/** The parts of the text that the tokens between its ends come from. */
function slices(tokenizer: Tokenizer, text: string): string[] {
  const { offsets } = tokenizer.encode(findMasks(text));
  return Array.from({ length: offsets.length / 2 - 2 }, (_, i) => text.slice(offsets[2 * i + 2], offsets[2 * i + 3]));
}

describe('WordPiece', () => {
  it('finds the longest pieces, and nothing where a part of a word is unknown', () => {
    expect(pieces(bert, 'Walking (WALKS) éxe walkx')).toEqual([
      'walk',
      '##ing',
      '(',
      'walk',
      '##s',
      ')',
      '[UNK]',
      '[UNK]',
    ]);
    expect(slices(bert, 'Walking (e\u0301) walkx')).toEqual(['Walk', 'ing', '(', 'e', ')', 'walkx']);
  });

  it('finds nothing in a word of more characters than it looks at', () => {
    expect(pieces(bert, 'e'.repeat(100))).toHaveLength(100);
    expect(pieces(bert, 'e'.repeat(101))).toEqual(['[UNK]']);
    // Two code units are one character.
    expect(pieces(bert, '😀'.repeat(60))).toEqual(['[UNK]']);
  });

  it('reads a target as going on in a word only where it does', () => {
    expect(target(bert, 'ing', 'k')).toEqual(['##ing']);
    expect(target(bert, 'able', 'n')).toEqual(['##able']);
    for (const before of ['', ' ', '\n', '(', ']', '漢'])
      expect(target(bert, ' Ing ', before), before).toEqual(['ing']);
    expect(target(bert, '!', 'k')).toEqual(['!']);
    expect(target(bert, '漢', 'k')).toEqual(['漢']);
    expect(target(bert, '1', '€')).toEqual(['##1']);
    expect(target(bert, 'love i', 'k')).toEqual(['[UNK]', 'i']);
  });

  it('decodes a piece as it is, and fills it in without its sign', () => {
    const ids = bert.encodeTarget('ing', 'k');
    expect(bert.decode(ids)).toBe('##ing');
    expect(bert.fill(ids)).toBe('ing');
    expect(fillIn(findMasks('walk[MASK]'), 0, bert.fill(ids))).toBe('walking');
    expect(bert.decode([99])).toBe('');
  });

  it('decodes several ids as one text, and fills them in as words', () => {
    const walks = idsOf(bert, 'walk', '##ing', 'i', '##s', '[MASK]', '!');
    expect(bert.decode(walks)).toBe('walking is [MASK]!');
    expect(bert.decode([99, ...idsOf(bert, '##ing'), 99, ...idsOf(bert, '##s')])).toBe('##ings');
    expect(bert.decode([])).toBe('');
    const ends = idsOf(bert, '##able', '##s');
    expect(fillIn(findMasks('walk[MASK]!'), 0, bert.fill(ends))).toBe('walkables!');
    expect(fillIn(findMasks('walk [MASK]!'), 0, bert.fill(idsOf(bert, 'i', 'love')))).toBe('walk i love!');
    const [unknown, none] = [[99, ...ends], []];
    expect(bert.fill(unknown)).toBe('ables');
    expect(bert.fill(none)).toBe('');
  });

  it('decodes to no blank where English has none, if its decoder says so', () => {
    const json = BERT();
    const more = ['do', "n't", "'s", '.', ',', "'", 'not', ' do not'];
    json['model'] = { ...(json['model'] as Json), vocab: numbered([...BERT_PIECES, ...more]) };
    const all = [BERT_PIECES.indexOf('i'), ...more.keys().map((i) => BERT_PIECES.length + i)];
    expect(create(json).decode(all)).toBe("i don't's., ' not  don't");
    json['decoder'] = { type: 'WordPiece', prefix: '##', cleanup: false };
    expect(create(json).decode(all)).toBe("i do n't 's . , ' not  do not");
    // By none, every piece stands alone.
    json['decoder'] = null;
    expect(create(json).decode(idsOf(bert, 'walk', '##ing'))).toBe('walk ##ing');
  });

  it('puts two texts together, of two types', () => {
    expect(readPair(bert, 'I walk [MASK]', 'Löve\u0301 (i)')).toEqual({
      pieces: '[CLS] i walk [MASK] [SEP] love ( i ) [SEP]',
      types: '0000011111',
      slices: ['', 'I', 'walk', '[MASK]', '', 'Löve', '(', 'i', ')', ''],
    });
    expect(readPair(bert, '', '')).toEqual({ pieces: '[CLS] [SEP] [SEP]', types: '001', slices: ['', '', ''] });
  });

  it('knows the pieces that go on by their sign', () => {
    const json = { ...BERT(), added_tokens: [...(BERT()['added_tokens'] as Json[]), added('##s', 7)] };
    expect(continuing(bert, BERT_PIECES)).toBe('##ing ##s ##able ##! ##( ##漢 ##e ##1');
    // What was added is a word of its own.
    expect(continuing(create(json), BERT_PIECES)).toBe('##ing ##able ##! ##( ##漢 ##e ##1');
    expect(bert.continuesWord(99)).toBe(false);
  });
});

describe('byte-level BPE', () => {
  it('merges in the order of training', () => {
    expect(pieces(roberta, 'love love lov')).toEqual(['love', 'Ġlove', 'Ġ', 'lo', 'v']);
    expect(pieces(roberta, 'a'.repeat(7))).toEqual(['aaaa', 'aa', 'a']);
  });

  it('has no blanks in its offsets, nor halves of characters', () => {
    expect(slices(roberta, 'a  love <mask>')).toEqual(['a', '', 'love', '<mask>']);
    // The blank that is put before the text, and each byte of a character.
    expect(slices(create(ROBERTA(true)), 'é😀x')).toEqual(['', 'é', 'é', '😀', '😀', '😀', '😀', 'x']);
  });

  it('reads a target with the blank before it, as one at the beginning, or as going on', () => {
    expect(target(roberta, ' love ', ' ')).toEqual(['Ġlove']);
    expect(target(roberta, 'love', '\n')).toEqual(['Ġlove']);
    for (const before of ['', 'x', '(', '😀']) expect(target(roberta, 'love', before), before).toEqual(['love']);
    const prefixed = create(ROBERTA(true));
    expect(target(prefixed, 'love', '')).toEqual(['Ġlove']);
    for (const before of ['x', '(']) expect(target(prefixed, 'love', before), before).toEqual(['love']);
  });

  it('fills in a piece with its blank where the text has none', () => {
    const ids = roberta.encodeTarget('love', ' ');
    expect(roberta.decode(ids)).toBe(' love');
    expect(ids.map((id) => roberta.piece(id))).toEqual(['Ġlove']);
    for (const [text, filled] of [
      ['I <mask> you', 'I love you'],
      ['I<mask> you', 'I love you'],
      ['<mask> you', 'love you'],
    ] as const) {
      expect(fillIn(findMasks(text), 0, roberta.fill(ids))).toBe(filled);
    }
  });

  it('decodes several ids by all their bytes, and fills in the blanks between words', () => {
    const bytes = idsOf(roberta, ...Array.from(spellBytes('é😀')));
    expect(roberta.decode(bytes)).toBe('é😀');
    expect(roberta.decode(bytes.slice(1))).toBe('\ufffd😀');
    expect(roberta.decode(idsOf(roberta, '<s>', 'Ġlove', '<mask>', 'Ġ', 'able'))).toBe('<s> love<mask> able');
    const words = idsOf(roberta, 'Ġlove', 'able', 'Ġlove');
    expect(roberta.fill(words)).toBe(' loveable love');
    expect(fillIn(findMasks('I <mask>!'), 0, roberta.fill(words))).toBe('I loveable love!');
  });

  it('puts two texts together, of one type, with two tokens between them', () => {
    expect(readPair(roberta, ' love<mask>', ' love  a')).toEqual({
      pieces: '<s> Ġlove <mask> </s> </s> Ġlove Ġ Ġ a </s>',
      types: '0000000000',
      slices: ['', 'love', '<mask>', '', '', 'love', '', '', 'a', ''],
    });
  });

  it('puts nothing around two texts where its processor is that of bytes, but trims them', () => {
    const post_processor = { type: 'ByteLevel', trim_offsets: true, add_prefix_space: false };
    expect(readPair(create({ ...ROBERTA(), post_processor }), ' love', ' love').slices).toEqual(['love', 'love']);
    expect(
      create({ ...ROBERTA(), post_processor })
        .encodePair('love', 'love')
        .token_type_ids.join(''),
    ).toBe('01');
  });

  it('knows the pieces that go on by their first character, or as a part of one', () => {
    const [e = '', tail = ''] = spellBytes('é');
    const words = idsOf(roberta, 'love', '1', e, tail, 'Ġlove', 'Ġ', '!', '<mask>', spellBytes('\0'));
    expect(words).not.toContain(-1);
    expect(words.map((id) => roberta.continuesWord(id))).toEqual([true, true, true, true, ...Array(5).fill(false)]);
  });

  it('takes merges in both forms', () => {
    const json = ROBERTA();
    json['model'] = { ...(json['model'] as Json), merges: MERGES.map((pair) => pair.split(' ')) };
    expect(pieces(create(json), 'love love')).toEqual(['love', 'Ġlove']);
  });

  it('says which merge its vocabulary lacks', () => {
    const json = ROBERTA();
    json['model'] = { ...(json['model'] as Json), merges: ['l o', 'lo v'] };
    expect(() => create(json).encode(findMasks('love <mask>'))).toThrow(
      'model.merges makes lov, which model.vocab lacks',
    );
  });
});

describe('unigram', () => {
  it('finds the likeliest pieces, and one for all that is unknown side by side', () => {
    expect(pieces(albert, 'Love lovelove x☃')).toEqual(['\u2581love', '\u2581love', 'love', '\u2581', '<unk>']);
    expect(slices(albert, 'Löve ☃☃a')).toEqual(['Löve', '☃', '☃☃', 'a']);
  });

  it('reads a target as going on where no blank is before it', () => {
    for (const before of ['', ' ']) expect(target(albert, 'love', before)).toEqual(['\u2581love']);
    for (const before of ['a', '(']) expect(target(albert, 'love', before)).toEqual(['love']);
  });

  it('decodes and fills in several words with the blanks between them', () => {
    const words = idsOf(albert, '\u2581love', 'able', '\u2581a');
    expect(albert.decode(words)).toBe('loveable a');
    expect(albert.fill(words)).toBe('loveable a');
    expect(albert.decode(idsOf(albert, '[CLS]', '\u2581love'))).toBe('[CLS] love');
  });

  it('knows the pieces that go on by their first character', () => {
    const vocabulary = ALBERT_PIECES.map(([piece]) => piece);
    expect(continuing(albert, vocabulary)).toBe('love a able');
  });

  it('puts two texts together as its template says, and asks for one only then', () => {
    const cls = { SpecialToken: { id: '[CLS]', type_id: 0 } };
    const [a, b] = ['A', 'B'].map((id, type_id) => ({ Sequence: { id, type_id } }));
    const template = {
      type: 'TemplateProcessing',
      single: [cls, a],
      special_tokens: { '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] } },
    };
    const whole = { ...template, pair: [b, cls, a] };
    const { input_ids, token_type_ids } = create({ ...ALBERT(), post_processor: whole }).encodePair('love', 'a');
    expect([...input_ids]).toEqual([...idsOf(albert, '\u2581a'), 2, ...idsOf(albert, '\u2581love')]);
    expect([...token_type_ids]).toEqual([1, 0, 0]);
    const lacking = create({ ...ALBERT(), post_processor: template });
    expect([...lacking.encode(findMasks('love')).input_ids]).toEqual([2, ...idsOf(albert, '\u2581love')]);
    expect(() => lacking.encodePair('love', 'a')).toThrow('tokenizer.json: post_processor.pair');
  });

  it('counts what only normalizes to a mask as none that was asked for', () => {
    const json = { ...ALBERT(), normalizer: { type: 'NFKC' }, pre_tokenizer: null };
    const { input_ids, masked_positions } = create(json).encode(findMasks('[ＭASK]a[MASK]'));
    expect([...input_ids]).toEqual([2, 4, 8, 4, 3]);
    expect([...masked_positions]).toEqual([3]);
  });
});

function withAdded(...tokens: ReturnType<typeof added>[]): Tokenizer {
  const json = ROBERTA();
  return create({ ...json, added_tokens: [...(json['added_tokens'] as Json[]), ...tokens] });
}

describe('added tokens', () => {
  it('are the longest at their place', () => {
    const tokenizer = withAdded(added('aa', 500), added('aaa', 501));
    expect([...tokenizer.encode(findMasks('aaaaa')).input_ids]).toEqual([0, 501, 500, 2]);
  });

  it('stand alone where they have to', () => {
    const tokenizer = withAdded(added('aa', 500, { single_word: true }));
    expect(tokenizer.encode(findMasks('aa,aab aa')).input_ids).toContain(500);
    for (const text of ['aab', 'baa', '_aa', 'éaa', 'aa𝐚']) {
      expect(tokenizer.encode(findMasks(text)).input_ids, text).not.toContain(500);
    }
  });

  it('take the blanks on either side where they are said to', () => {
    const tokenizer = withAdded(added('!', 500, { lstrip: true, rstrip: true, normalized: true }));
    expect(pieces(tokenizer, 'a \t! \n !a')).toEqual(['a', '!', '!', 'a']);
    expect(slices(tokenizer, 'a \t! \n !a')).toEqual(['a', '!', '!', 'a']);
  });
});

describe('a tokenizer.json', () => {
  it.each<[string, Json, RegExp]>([
    [
      'normalizer',
      { type: 'ByteLevel' },
      /normalizer\.type is not supported: .*"BertNormalizer".* received "ByteLevel"/,
    ],
    [
      'normalizer',
      { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Sequence', normalizers: [{ type: 'Upper' }] }] },
      /normalizer\.normalizers\.1\.normalizers\.0\.type is not supported/,
    ],
    [
      'normalizer',
      { type: 'Replace', pattern: { Regex: '(?<!a' }, content: '' },
      /the pattern \(\?<!a is not supported/,
    ],
    ['normalizer', { type: 'Precompiled', precompiled_charsmap: btoa('\xff\0\0\0') }, /ends within its trie/],
    [
      'pre_tokenizer',
      { type: 'Digits' },
      /pre_tokenizer\.type is not supported: .*"WhitespaceSplit".* received "Digits"/,
    ],
    ['pre_tokenizer', { type: 'Punctuation', behavior: 'Removed' }, /pre_tokenizer\.behavior is not supported/],
    ['post_processor', { type: 'Other' }, /post_processor\.type is not supported/],
    ['decoder', { type: 'CTC' }, /decoder\.type is not supported/],
    ['model', { type: 'WordLevel', vocab: {} }, /model\.type is not supported: .*"Unigram".* received "WordLevel"/],
    ['model', { type: 'BPE', dropout: 0.1, vocab: {}, merges: [] }, /model\.dropout is not supported/],
    ['model', { type: 'BPE', byte_fallback: true, vocab: {}, merges: [] }, /model\.byte_fallback is not supported/],
    ['model', { type: 'BPE', end_of_word_suffix: '</w>', vocab: {}, merges: [] }, /model\.end_of_word_suffix is not/],
    ['model', { type: 'Unigram', unk_id: null, vocab: [['a', -1]] }, /model\.unk_id is not supported/],
    ['model', { type: 'Unigram', unk_id: 1, vocab: [['a', -1]] }, /model\.unk_id is 1 of 1 pieces/],
    ['model', { type: 'Unigram', unk_id: 0, byte_fallback: true, vocab: [] }, /model\.byte_fallback is not supported/],
    ['added_tokens', [{ id: 1 }] as unknown as Json, /added_tokens\.0\.content is not supported/],
  ])('with another %s, %j, is refused by its name', (stage, component, message) => {
    const special_tokens = { mask: { id: 4, token: '[MASK]' }, unk: { id: 1, token: '[UNK]' } };
    expect(() => createTokenizer({ ...BERT(), [stage]: component }, special_tokens)).toThrow(message);
  });

  it('need not say of what type its model is', () => {
    for (const json of [BERT(), ROBERTA(), ALBERT()]) {
      const { type, ...model } = json['model'] as Json;
      expect(type).toBeDefined();
      expect(pieces(create({ ...json, model }), 'love')).toEqual(pieces(create(json), 'love'));
    }
  });
});

const KINDS = [
  ['WordPiece', bert],
  ['byte-level BPE', roberta],
  ['unigram', albert],
] as const;

describe.each(KINDS)('any text, by %s,', (_, tokenizer) => {
  it('has offsets within it that ascend, and as many masks as were found', () => {
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
    for (let round = 0; round < 3000; round++) {
      const text = Array.from({ length: random(10) }, () =>
        random(3) === 0 ? String.fromCharCode(random(0x10000)) : atoms[random(atoms.length)],
      ).join('');
      const masked = findMasks(text);
      const { input_ids, token_type_ids, masked_positions, offsets } = tokenizer.encode(masked);
      expect(offsets).toHaveLength(2 * input_ids.length);
      expect(token_type_ids).toHaveLength(input_ids.length);
      for (const [m, position] of masked_positions.entries()) {
        const part = text.slice(offsets[2 * position], offsets[2 * position + 1]);
        expect(part.trim()).toBe(text.slice(masked.masks[m]?.start, masked.masks[m]?.end));
      }
      let last = 0;
      for (let i = 1; i < input_ids.length - 1; i++) {
        const [start = -1, end = -1] = offsets.subarray(2 * i);
        expect(start, JSON.stringify(text)).toBeGreaterThanOrEqual(last);
        expect(end).toBeGreaterThanOrEqual(start);
        expect(end).toBeLessThanOrEqual(text.length);
        last = start;
      }
      expect([...offsets.subarray(0, 2), ...offsets.subarray(-2)]).toEqual([0, 0, 0, 0]);
    }
  });

  it.each(['a', '☃', '\u0301\u0323', '[MAS', '[MASK]', '\n\n '])(
    'of many %j takes a time that grows no faster than its length',
    (unit) => {
      const milliseconds = (length: number) => {
        const masked = findMasks(unit.repeat(length / unit.length));
        const rounds = [1, 2, 3].map(() => {
          // The time of this process alone: other processes do not count.
          const begun = process.cpuUsage();
          tokenizer.encode(masked);
          return process.cpuUsage(begun).user / 1000;
        });
        return Math.min(...rounds);
      };
      milliseconds(3000);
      // 16 times as much; in the square of it, 256.
      expect(milliseconds(48_000)).toBeLessThan(100 * milliseconds(3000) + 50);
    },
  );
});
