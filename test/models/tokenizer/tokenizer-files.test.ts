/** The files of a tokenizer: what each of them changes, and what is refused by name. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { readTokenizer } from '../../../models/tokenizer/files.ts';
import type { ModelJson } from '../../../models/tokenizer/vocabulary.ts';
import { alignText } from '../../../src/tokenizer/aligned-text.ts';
import { createTokenizer } from '../../../src/tokenizer/create-tokenizer.ts';
import { createNormalizer } from '../../../src/tokenizer/normalizers/create-normalizer.ts';
import { wordPieceJson } from '../../src/tokenizer/small-tokenizers.ts';

const SPIECE = readFileSync(join(import.meta.dirname, '../../fixtures/tokenizers/unigram/spiece.model'));
type Files = Readonly<Record<string, unknown>>;

const special = (content: string) => ({
  content,
  lstrip: false,
  rstrip: false,
  single_word: false,
  normalized: false,
  special: true,
});
const BERT_PIECES = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', '##a', 'é', 'E'];
const VOCABULARY = { 'vocab.txt': `${BERT_PIECES.join('\n')}\n` };
const numbered = (pieces: readonly string[]) => Object.fromEntries(pieces.map((piece, id) => [piece, id]));
const wordPiece = (changes: ModelJson = {}, pieces = BERT_PIECES) => ({
  version: '1.0',
  ...wordPieceJson(pieces),
  ...changes,
});
const MERGES = {
  'vocab.json': JSON.stringify({
    '<s>': 0,
    '<pad>': 1,
    '</s>': 2,
    '<unk>': 3,
    a: 4,
    constructor: 5,
    '<mask>': 7,
    aa: 8,
  }).replace('{', '{"__proto__":6,'),
  'merges.txt': '#version: 0.2\na a\n',
};

async function read(files: Files) {
  const folder = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
  try {
    for (const [name, content] of Object.entries(files)) {
      await writeFile(
        join(folder, name),
        typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content),
      );
    }
    const found = await readTokenizer(folder);
    const json = JSON.parse(found.json) as Record<string, Record<string, unknown>> & {
      added_tokens: ({ id: number } & ReturnType<typeof special>)[];
    };
    const tokenizer = createTokenizer(found.packed, found.special_tokens);
    return { ...found, json, ids: (text: string) => tokenizer.encodePair(text, '').input_ids.slice(0, -1).join(' ') };
  } finally {
    await rm(folder, { recursive: true });
  }
}
const config = (changes: Files) => ({ 'tokenizer_config.json': changes });

describe('the settings of tokenizer_config.json', () => {
  it.each<[Files, string]>([
    [{}, 'e a'],
    [{ do_lower_case: false }, 'É A'],
    [{ do_lower_case: false, strip_accents: true }, 'E A'],
    [{ strip_accents: false }, 'é a'],
    [{ tokenizer_class: 'BertTokenizerFast', do_lower_case: false, strip_accents: null }, 'É A'],
  ])('%j count beside a vocab.txt and beside a tokenizer.json', async (given, normalized) => {
    for (const files of [VOCABULARY, { 'tokenizer.json': wordPiece() }]) {
      const { json } = await read({ ...files, 'config.json': { model_type: 'bert' }, ...config(given) });
      expect(createNormalizer(json['normalizer'])(alignText('É A')).text).toBe(normalized);
    }
  });

  it('do not count with a class that adds nothing to tokenizer.json', async () => {
    const given = { tokenizer_class: 'PreTrainedTokenizerFast', do_lower_case: false };
    const { json, summary } = await read({ 'tokenizer.json': wordPiece(), ...config(given) });
    expect(json['normalizer']).toMatchObject({ lowercase: true });
    expect(summary).toBe(
      'tokenizer: PreTrainedTokenizerFast; tokenizer.json unchanged; mask [MASK]; tokenizer_config.json',
    );
  });

  it('that are absent leave tokenizer.json unchanged, with a warning', async () => {
    const normalizer = { ...wordPiece().normalizer, lowercase: false };
    const { json, warnings } = await read({
      'tokenizer.json': wordPiece({ normalizer }),
      ...config({ tokenizer_class: 'BertTokenizer' }),
    });
    expect(json['normalizer']).toEqual(normalizer);
    expect(warnings).toEqual([expect.stringContaining('Set do_lower_case in tokenizer_config.json')]);
  });

  it('make of ALBERT’s files what they say', async () => {
    const types = async (given: Files) => {
      const { json } = await read({ 'spiece.model': SPIECE, ...config(given) });
      return (json['normalizer'] as unknown as { normalizers: { type: string }[] }).normalizers
        .map(({ type }) => type)
        .join(' ');
    };
    expect(await types({})).toBe('Replace Replace NFKD StripAccents Lowercase Precompiled');
    expect(await types({ keep_accents: true, do_lower_case: false })).toBe('Replace Replace Precompiled');
    const { json } = await read({ 'spiece.model': SPIECE, ...config({ add_prefix_space: false }) });
    expect(json['decoder']).toMatchObject({ prepend_scheme: 'never' });
  });

  it('make of RoBERTa’s files what they say', async () => {
    const { json } = await read({ ...MERGES, ...config({ add_prefix_space: true, trim_offsets: false }) });
    expect(json['pre_tokenizer']).toMatchObject({ add_prefix_space: true });
    expect(json['post_processor']).toMatchObject({ cls: ['<s>', 0], add_prefix_space: true, trim_offsets: false });
  });
});

describe('the special tokens', () => {
  it('have the names that any file gives them', async () => {
    const files = { 'vocab.txt': VOCABULARY['vocab.txt'].replace('[MASK]', '<MASK>').replace('[CLS]', '<s>') };
    const mask = { __type: 'AddedToken', content: '<MASK>', lstrip: true };
    const { special_tokens, json } = await read({
      ...files,
      ...config({ mask_token: mask }),
      'special_tokens_map.json': { cls_token: '<s>' },
    });
    expect(special_tokens.mask).toEqual({ id: 4, token: '<MASK>' });
    expect(json.added_tokens.find(({ id }) => id === 4)).toMatchObject({
      content: '<MASK>',
      lstrip: true,
      special: true,
    });
    expect(json['post_processor']?.['special_tokens']).toMatchObject({ '<s>': { ids: [2] } });
  });

  it('include the one that is named where there are two masks, and one has to be', async () => {
    const pieces = [...BERT_PIECES, '<mask>'];
    const files = { 'tokenizer.json': wordPiece({}, pieces) };
    const given = config({ tokenizer_class: 'PreTrainedTokenizerFast', mask_token: '<mask>' });
    expect((await read({ ...files, ...given })).special_tokens.mask.id).toBe(pieces.length - 1);
    await expect(read({ ...files, ...config({ tokenizer_class: 'PreTrainedTokenizerFast' }) })).rejects.toThrow(
      'the vocabulary has [MASK] and <mask>: name the mask_token in tokenizer_config.json',
    );
  });

  it('include the space before a RoBERTa’s mask, as in published files', async () => {
    const { json, warnings } = await read(MERGES);
    expect(json.added_tokens.filter(({ lstrip }) => lstrip)).toEqual([{ id: 7, ...special('<mask>'), lstrip: true }]);
    expect(warnings).toEqual([expect.stringContaining('includes the space before it')]);
  });

  it('do not include the space before a RoBERTa’s mask where a file declares the mask', async () => {
    const declared = { added_tokens_decoder: { 7: special('<mask>') } };
    const { json, warnings } = await read({ ...MERGES, ...config(declared) });
    expect(json.added_tokens.filter(({ lstrip }) => lstrip)).toEqual([]);
    expect(warnings).toEqual([]);
  });
});

describe('added tokens', () => {
  it.each<[string, Files]>([
    [
      'tokenizer_config.json',
      config({ added_tokens_decoder: { 9: special('<e1>'), 10: { ...special('new'), special: false } } }),
    ],
    ['added_tokens.json', { 'added_tokens.json': { '<e1>': 9, new: 10 } }],
    ['special_tokens_map.json', { 'special_tokens_map.json': { additional_special_tokens: ['<e1>', 'new'] } }],
    ['tokenizer_config.json, in a list', config({ additional_special_tokens: ['<e1>', 'new'] })],
  ])('of %s are found in a text', async (_, files) => {
    for (const vocabulary of [VOCABULARY, { 'tokenizer.json': wordPiece() }]) {
      const { ids, summary } = await read({ ...vocabulary, 'config.json': { model_type: 'bert' }, ...files });
      expect(ids('a<e1> new [MASK]')).toBe('2 5 9 10 4 3');
      expect(summary).toContain('; 2 added tokens; ');
    }
  });

  // Recorded from transformers 5.24.
  it.each<[Files, string]>([
    [{ extra_special_tokens: ['[X]'], ent_token: '[E]' }, '2 10 9 1 5 1 1 1 1 3'],
    [
      { extra_special_tokens: ['[X]'], model_specific_special_tokens: { a: '[A]', ent_token: '[E]' } },
      '2 11 10 9 1 1 1 3',
    ],
    [
      { model_specific_special_tokens: { a: { __type: 'AddedToken', content: '[A]' }, b: '[B]' } },
      '2 1 1 1 1 1 1 9 10 3',
    ],
    [{ ent_token: special('[E]'), model_specific_special_tokens: { ent_token: '[E]' } }, '2 1 1 1 9 1 5 1 1 1 1 3'],
    [{ model_specific_special_tokens: null }, '2 1 1 1 1 1 1 1 5 1 1 1 1 3'],
  ])('that have a name of their own come before those without: %j', async (given, ids) => {
    const found = await read({ ...VOCABULARY, ...config(given) });
    expect(found.ids('[X] [E] [A] [B]')).toBe(ids);
  });

  it('can be the mask and the ends of a text, but not the unknown piece', async () => {
    const named = config({ tokenizer_class: 'BertTokenizer', mask_token: '<M>', cls_token: '<C>', sep_token: '<S>' });
    for (const files of [VOCABULARY, { 'vocab.txt': BERT_PIECES.slice(0, 2).concat('a').join('\n') }]) {
      const { ids, special_tokens } = await read({ ...files, ...named });
      const [last, first, mask] = [0, 1, 2].map((i) => i + (files === VOCABULARY ? 9 : 3));
      expect(special_tokens.mask).toEqual({ id: mask, token: '<M>' });
      expect(ids('<M>')).toBe(`${first} ${mask} ${last}`);
    }
    const roberta = await read({ ...MERGES, ...config({ mask_token: '<M>' }) });
    expect(roberta.special_tokens.mask).toEqual({ id: 9, token: '<M>' });
    await expect(read({ ...VOCABULARY, ...config({ unk_token: '<U>' }) })).rejects.toThrow(
      'the vocabulary has no <U>, which is the unk_token: add it, or name another in tokenizer_config.json',
    );
  });

  it('of SentencePiece are its symbols', async () => {
    const { json } = await read({ 'spiece.model': SPIECE });
    expect(json.added_tokens.map(({ content, special: isSpecial }) => `${content} ${isSpecial}`).join()).toBe(
      '<pad> true,<unk> true,[CLS] true,[SEP] true,[MASK] true,( false,) false,£ false',
    );
  });
});

describe('a vocabulary', () => {
  it('is read line by line as tokenizers reads it', async () => {
    // Trailing spaces are dropped, of equal lines the last counts, an empty line has an id, and U+2028 does not end a line.
    const lines = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a \u0085', '', 'e', 'e', 'x\u2028y'];
    for (const end of ['\n', '\r\n']) {
      const { json } = await read({ 'vocab.txt': lines.join(end) });
      expect(json['model']?.['vocab']).toEqual({ ...numbered(lines.slice(0, 5)), a: 5, '': 6, e: 8, 'x\u2028y': 9 });
    }
  });

  it('has a byte order mark in its first piece, as in transformers', async () => {
    const lines = ['\ufeffa', '[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a'];
    const { json } = await read({ 'vocab.txt': lines.join('\n') });
    expect(json['model']?.['vocab']).toEqual(numbered(lines));
  });

  it('may have pieces of any name', async () => {
    const { json } = await read(MERGES);
    expect(new Map(Object.entries(json['model']?.['vocab'] ?? {}))).toEqual(
      new Map<unknown, unknown>([
        ...Object.entries(numbered(['<s>', '<pad>', '</s>', '<unk>', 'a', 'constructor'])),
        ...([
          ['__proto__', 6],
          ['<mask>', 7],
          ['aa', 8],
        ] as const),
      ]),
    );
  });

  it('of an XLM-RoBERTa has its special tokens first and its mask last', async () => {
    const files = { 'sentencepiece.bpe.model': SPIECE, 'config.json': { model_type: 'xlm-roberta' } };
    const { json, special_tokens } = await read(files);
    const vocab = json['model']?.['vocab'] as [string, number][];
    expect(vocab.slice(0, 5).map(([piece]) => piece)).toEqual(['<s>', '<pad>', '</s>', '<unk>', '[SEP]']);
    expect([special_tokens.mask.id, special_tokens.unk.id]).toEqual([vocab.length - 1, 3]);
  });

  it('of a tokenizer.json stays unchanged, even in the order of its fields', async () => {
    const [mask, ...others] = wordPiece()
      .added_tokens.toReversed()
      .map(({ special: isSpecial, ...one }) => Object.assign({ special: isSpecial }, one));
    const file = wordPiece({ added_tokens: [...others.toReversed(), mask] });
    for (const model_type of ['albert', 'bert']) {
      const found = await read({ 'tokenizer.json': file, 'config.json': { model_type } });
      expect(JSON.stringify(found.json)).toBe(JSON.stringify(file));
    }
  });

  it('of BERT does for an ALBERT, whose family does not oblige', async () => {
    const { ids, warnings, summary } = await read({
      'tokenizer.json': wordPiece(),
      'config.json': { model_type: 'albert' },
    });
    expect(ids('a [MASK]')).toBe('2 5 4 3');
    expect(warnings).toEqual([]);
    expect(summary).toBe('tokenizer: no class; tokenizer.json unchanged; mask [MASK]');
  });
});

const ENDS = { type: 'BertProcessing', cls: ['[CLS]', 2], sep: ['[CLS]', 2] };
const BPE = Buffer.concat([SPIECE, Buffer.from([0x12, 2, 0x18, 2])]);
const FALLBACK = Buffer.concat([SPIECE, Buffer.from([0x12, 3, 0x98, 2, 1])]);

describe('a tokenizer is refused by name:', () => {
  it.each<[Files, RegExp]>([
    [{}, /has no tokenizer: neither tokenizer\.json nor/],
    [
      { 'vocab.txt': 'a', 'config.json': { model_type: 'albert' } },
      /spiece\.model, which AlbertTokenizer reads\. It has vocab\.txt: name its tokenizer_class/,
    ],
    ...Object.entries({
      BertJapaneseTokenizer: 'it splits words with a morphological analyser',
      HerbertTokenizerFast: 'it is a BPE with end-of-word signs',
      T5Tokenizer: 'it belongs to a model that generates text',
      PhobertTokenizer: 'it reads bpe.codes, and texts that a Vietnamese word splitter has segmented',
      GPT2Tokenizer: 'supported are BertTokenizer, ',
    }).map(([tokenizer_class, why]): [Files, RegExp] => [
      { ...VOCABULARY, ...config({ tokenizer_class }) },
      new RegExp(`tokenizer_class is ${tokenizer_class}: ${why}`),
    ]),
    [
      { ...VOCABULARY, 'config.json': { tokenizer_class: 'T5Tokenizer' } },
      /config\.json: tokenizer_class is T5Tokenizer/,
    ],
    [
      { 'tokenizer.json': wordPiece(), ...config({ tokenizer_class: 'RobertaTokenizer' }) },
      /contradict each other: tokenizer_class is RobertaTokenizer, a BPE, and model\.type is WordPiece/,
    ],
    [
      {
        'tokenizer.json': wordPiece({ normalizer: { type: 'NFC' } }),
        ...config({ tokenizer_class: 'BertTokenizer', do_lower_case: false }),
      },
      /contradict each other: do_lower_case is false for BertTokenizer, and normalizer/,
    ],
    [{ 'tokenizer.json': wordPiece({ post_processor: null }) }, /post_processor makes "A" of a text A.*"2 A 3"/],
    [{ 'tokenizer.json': wordPiece({ post_processor: ENDS }) }, /post_processor makes "2 A 2" of a text A/],
    [
      {
        'tokenizer.json': wordPiece({ post_processor: ENDS }),
        ...config({ tokenizer_class: 'PreTrainedTokenizerFast' }),
      },
      /post_processor makes "2 A 2"/,
    ],
    [{ 'tokenizer.json': wordPiece({ odd: 1 }) }, /tokenizer\.json: the field odd is unknown/],
    [
      {
        'tokenizer.json': wordPiece({ added_tokens: [{ id: 77, ...special('[MASK]') }] }),
        ...config({ tokenizer_class: 'PreTrainedTokenizerFast' }),
      },
      /added token \[MASK\] has the id 77, and the vocabulary gives it 4/,
    ],
    [{ ...VOCABULARY, ...config({ odd: 1 }) }, /tokenizer_config\.json: the field odd is unknown/],
    [
      { ...VOCABULARY, ...config({ ent_token: '[E]', model_specific_special_tokens: { a: '[A]' } }) },
      /model_specific_special_tokens has a \[A\], which contradicts another field/,
    ],
    [
      { ...VOCABULARY, ...config({ model_specific_special_tokens: { mask_token: '[A]' } }) },
      /model_specific_special_tokens has mask_token \[A\], which contradicts mask_token/,
    ],
    [{ ...VOCABULARY, ...config({ model_specific_special_tokens: ['[A]'] }) }, /Expected an object, and it is a list/],
    [{ 'tokenizer.json': '{"model": {"vocab": {"a": NaN}}}' }, /tokenizer\.json is not JSON/],
    [{ ...VOCABULARY, ...config({ do_lower_case: 'yes' }) }, /tokenizer_config\.json: do_lower_case: /],
    [{ ...VOCABULARY, ...config({ split_special_tokens: true }) }, /split_special_tokens is true: a mask/],
    [{ ...VOCABULARY, ...config({ never_split: ['a'] }) }, /never_split is \["a"\]/],
    [{ ...VOCABULARY, ...config({ cls_token: null }) }, /cls_token is null, and BertTokenizer needs one/],
    [
      { ...VOCABULARY, ...config({ mask_token: '<mask>' }), 'special_tokens_map.json': { mask_token: '[MASK]' } },
      /tokenizer_config\.json and special_tokens_map\.json contradict each other: mask_token is <mask> in the one and \[MASK\]/,
    ],
    [
      {
        ...VOCABULARY,
        ...config({ additional_special_tokens: ['x'] }),
        'special_tokens_map.json': { additional_special_tokens: ['y'] },
      },
      /contradict each other: only the second has y/,
    ],
    [{ ...VOCABULARY, 'special_tokens_map.json': { odd: 1 } }, /special_tokens_map\.json: the field odd/],
    [
      { ...VOCABULARY, 'added_tokens.json': { new: 50 } },
      /added_tokens\.json: the added token new has the id 50, and the vocabulary gives it 9/,
    ],
    [{ ...VOCABULARY, 'added_tokens.json': { new: 'x' } }, /added_tokens\.json: new: /],
    [
      {
        'tokenizer.json': wordPiece({ added_tokens: [{ id: 9, ...special('<e1>') }] }),
        'config.json': { model_type: 'bert' },
        ...config({ added_tokens_decoder: {} }),
      },
      /added_tokens has <e1>, but added_tokens_decoder does not/,
    ],
    [{ 'vocab.txt': '[PAD]\n[UNK]\n[CLS]\n[SEP]\n' }, /the vocabulary has no \[MASK\], which is the mask_token/],
    [{ 'vocab.txt': Buffer.from([0xff]) }, /vocab\.txt is not UTF-8/],
    [{ ...VOCABULARY, 'tokenizer_config.json': '{' }, /tokenizer_config\.json is not JSON/],
    [{ ...VOCABULARY, 'tokenizer_config.json': '[]' }, /tokenizer_config\.json is not a JSON object/],
    ...['a', 'a a a', 'a  a'].map((line): [Files, RegExp] => [
      { ...MERGES, 'merges.txt': `a a\n${line}\n` },
      /merges\.txt: merge 2, "a/,
    ]),
    [{ ...MERGES, 'merges.txt': 'aa a' }, /merges\.txt: merge 1, "aa a": vocab\.json has no aaa/],
    [{ ...MERGES, 'vocab.json': '{"a": "b"}' }, /vocab\.json: the id of a is "b", not an integer/],
    [{ ...MERGES, 'vocab.json': '1' }, /vocab\.json is not an object/],
    ...[1, 100, 5000, SPIECE.length - 1].map((length): [Files, RegExp] => [
      { 'spiece.model': SPIECE.subarray(0, length) },
      /^spiece\.model: /,
    ]),
    [{ 'spiece.model': Buffer.from('{"version": "1.0"}') }, /^spiece\.model: /],
    // TrainerSpec, in field 2, with model_type, its field 3, as BPE; then byte_fallback, its field 35.
    [{ 'spiece.model': BPE }, /the model is of type 2, not a unigram model/],
    [{ 'spiece.model': FALLBACK }, /byte fallback is not supported/],
  ])('%#', async (files, message) => {
    await expect(read(files)).rejects.toThrow(message);
  });
});

describe('a mask', () => {
  const tokens = BERT_PIECES.slice(0, 5).map((content, id) => Object.assign(special(content), { id }));
  const withMask = (changes: object) => tokens.map((token) => (token.id === 4 ? { ...token, ...changes } : token));
  const PREPEND = { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '_' }, { type: 'Lowercase' }] };
  const FAST = { 'tokenizer_config.json': { tokenizer_class: 'PreTrainedTokenizerFast' } };

  it.each<[string, Files, RegExp]>([
    [
      'that is only a piece of the vocabulary',
      { ...FAST, 'tokenizer.json': wordPiece({ added_tokens: tokens.slice(0, 4) }) },
      /does not find \[MASK\] in "\[MASK\] a .*": it is not among the added tokens: name mask_token in tokenizer_config\.json/,
    ],
    [
      'that a normalizer prepends something to',
      { ...FAST, 'tokenizer.json': wordPiece({ added_tokens: withMask({ normalized: true }), normalizer: PREPEND }) },
      /its added token is normalized, and the normalizer makes something else of it: set normalized to false/,
    ],
    [
      'that a normalizer takes apart',
      {
        ...FAST,
        'tokenizer.json': wordPiece({
          added_tokens: withMask({ normalized: true }),
          normalizer: { type: 'Sequence', normalizers: [{ type: 'Replace', pattern: { String: '] ' }, content: '}' }] },
        }),
      },
      /does not find \[MASK\]/,
    ],
    [
      'that is part of a longer added token wherever it stands',
      { ...FAST, 'tokenizer.json': wordPiece({ added_tokens: [...tokens, { id: 9, ...special('[MASK] a') }] }) },
      /the added tokens of tokenizer\.json do not find it/,
    ],
  ])('%s is refused by name', async (_, files, message) => {
    await expect(read(files)).rejects.toThrow(message);
  });

  it.each<[string, Files]>([
    [
      'mask_token names it',
      { ...config({ mask_token: '[MASK]' }), 'tokenizer.json': wordPiece({ added_tokens: tokens.slice(0, 4) }) },
    ],
    [
      'it is normalized to itself in lower case',
      { ...FAST, 'tokenizer.json': wordPiece({ added_tokens: withMask({ normalized: true }) }) },
    ],
    [
      'it has to be a word of its own',
      { ...FAST, 'tokenizer.json': wordPiece({ added_tokens: withMask({ single_word: true }) }) },
    ],
  ])('is found where %s', async (_, files) => {
    expect((await read(files)).ids('a [MASK] a')).toBe('2 5 4 5 3');
  });
});
