/**
 * From older forms of a tokenizer to its `tokenizer.json`: what a `tokenizer_config.json` changes, and what is refused.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { tokenizerJsonFromSentencePiece } from '../../../models/tokenizer/sentencepiece.ts';
import { tokenizerJsonFromMerges, tokenizerJsonFromVocabulary } from '../../../models/tokenizer/vocabulary.ts';

const SPIECE = readFileSync(join(import.meta.dirname, '../../fixtures/tokenizers/unigram/spiece.model'));
const VOCABULARY = '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##a\n';
const VOCAB = JSON.stringify({
  '<s>': 0,
  '<pad>': 1,
  '</s>': 2,
  '<unk>': 3,
  a: 4,
  constructor: 5,
  '<mask>': 7,
  aa: 8,
}).replace('{', '{"__proto__":6,');

interface Made {
  added_tokens: { id: number; content: string; lstrip: boolean; special: boolean }[];
  normalizer: { normalizers: { type: string }[] } & Record<string, unknown>;
  pre_tokenizer: { add_prefix_space: boolean };
  post_processor: { cls: [string, number]; special_tokens: Record<string, { ids: number[] }> };
  decoder: { prepend_scheme: string };
  model: { vocab: Record<string, number>; merges: string[]; unk_token: string; unk_id: number };
}
const vocabulary = (text: string, config: unknown = {}) =>
  JSON.parse(tokenizerJsonFromVocabulary(text, config)) as Made;
const merges = (text: string, config: unknown = {}) => JSON.parse(tokenizerJsonFromMerges(VOCAB, text, config)) as Made;
const spiece = (config: unknown = {}) => JSON.parse(tokenizerJsonFromSentencePiece(SPIECE, config)) as Made;

describe('a vocab.txt', () => {
  it('makes a tokenizer without case and accents, unless its configuration says otherwise', () => {
    const usual = { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null };
    expect(vocabulary(VOCABULARY).normalizer).toEqual({ ...usual, lowercase: true });
    const config = { do_lower_case: false, strip_accents: true, tokenize_chinese_chars: false, model_max_length: 512 };
    expect(vocabulary(VOCABULARY, config).normalizer).toEqual({
      ...usual,
      handle_chinese_chars: false,
      strip_accents: true,
      lowercase: false,
    });
  });

  it('has its special tokens where its lines say, by the names of its configuration', () => {
    expect(vocabulary(VOCABULARY).added_tokens.map(({ id, content }) => [id, content])).toEqual([
      [0, '[PAD]'],
      [1, '[UNK]'],
      [2, '[CLS]'],
      [3, '[SEP]'],
      [4, '[MASK]'],
    ]);
    const renamed = VOCABULARY.replaceAll('[MASK]', '<mask>').replaceAll('[CLS]', '<s>').replaceAll('\n', '\r\n');
    const config = { mask_token: { content: '<mask>', lstrip: true }, cls_token: '<s>', pad_token: null };
    const { added_tokens, post_processor } = vocabulary(renamed, config);
    expect(added_tokens).toContainEqual(expect.objectContaining({ id: 4, content: '<mask>', lstrip: true }));
    expect(post_processor.special_tokens['<s>']?.ids).toEqual([2]);
  });

  it('takes what its configuration adds to it', () => {
    const added_tokens_decoder = { '4': { content: '[MASK]', lstrip: true }, '7': { content: 'new', special: false } };
    const { added_tokens } = vocabulary(VOCABULARY, { added_tokens_decoder });
    expect(added_tokens).toContainEqual(expect.objectContaining({ id: 4, lstrip: true, special: true }));
    expect(added_tokens).toContainEqual(expect.objectContaining({ id: 7, content: 'new', special: false }));
  });

  it('is refused without a special token, but for padding', () => {
    expect(() => vocabulary('[PAD]\n[UNK]\n[CLS]\n[SEP]\n')).toThrow(
      'the vocabulary has no [MASK], which is the mask_token',
    );
    expect(vocabulary(VOCABULARY.replace('[PAD]', 'b')).added_tokens).toHaveLength(4);
    expect(() => vocabulary(VOCABULARY, { do_lower_case: 'yes' })).toThrow('tokenizer_config.json: do_lower_case: ');
  });
});

describe('a vocab.json and a merges.txt', () => {
  it('make a tokenizer whose mask takes the blank before it', () => {
    const { added_tokens, model, pre_tokenizer, post_processor } = merges('#version: 0.2\na a\n');
    expect(added_tokens.filter(({ lstrip }) => lstrip)).toEqual([
      expect.objectContaining({ id: 7, content: '<mask>' }),
    ]);
    expect(model.merges).toEqual(['a a']);
    expect(pre_tokenizer.add_prefix_space).toBe(false);
    expect(post_processor.cls).toEqual(['<s>', 0]);
    expect(merges('', { add_prefix_space: true }).pre_tokenizer.add_prefix_space).toBe(true);
  });

  it('may have pieces of any name', () => {
    expect(new Map(Object.entries(merges('').model.vocab)).get('constructor')).toBe(5);
    expect(new Map(Object.entries(merges('').model.vocab)).get('__proto__')).toBe(6);
  });

  it('are refused where a line is no pair, or a piece has no id', () => {
    for (const line of ['a', 'a a a', 'a  a'])
      expect(() => merges(`a a\n${line}\n`)).toThrow('merges.txt: merge 2, "a');
    expect(() => tokenizerJsonFromMerges('{"a": "b"}', '', {})).toThrow('vocab.json: a has no id but "b"');
    expect(() => tokenizerJsonFromMerges('1', '', {})).toThrow('vocab.json is no object');
  });
});

const types = ({ normalizer }: Made) => normalizer.normalizers.map(({ type }) => type);

describe('a spiece.model', () => {
  it('makes a tokenizer by ALBERT’s rules, unless its configuration says otherwise', () => {
    expect(types(spiece())).toEqual(['Replace', 'Replace', 'NFKD', 'StripAccents', 'Lowercase', 'Precompiled']);
    expect(types(spiece({ keep_accents: true, do_lower_case: false }))).toEqual(['Replace', 'Replace', 'Precompiled']);
    expect(spiece().decoder.prepend_scheme).toBe('always');
    expect(spiece({ add_prefix_space: false }).decoder.prepend_scheme).toBe('never');
    expect(spiece().model.unk_id).toBe(1);
  });

  it('has its own symbols beside the special tokens', () => {
    const { added_tokens } = spiece();
    expect(added_tokens.map(({ content, special }) => [content, special])).toEqual([
      ['<pad>', true],
      ['<unk>', true],
      ['[CLS]', true],
      ['[SEP]', true],
      ['[MASK]', true],
      ['(', false],
      [')', false],
      ['£', false],
    ]);
  });

  it('is refused where it is cut short within a piece, or is no such file', () => {
    for (const length of [1, 100, 5000, SPIECE.length - 1]) {
      expect(() => tokenizerJsonFromSentencePiece(SPIECE.subarray(0, length), {}), `${length}`).toThrow(
        /^spiece\.model: /,
      );
    }
    expect(() => tokenizerJsonFromSentencePiece(Buffer.from('{"version": "1.0"}'), {})).toThrow(/^spiece\.model: /);
  });

  it('is refused where it is of another kind', () => {
    // TrainerSpec, in field 2, with model_type, its field 3, as BPE; the later one counts.
    const bpe = Buffer.concat([SPIECE, Buffer.from([0x12, 2, 0x18, 2])]);
    expect(() => tokenizerJsonFromSentencePiece(bpe, {})).toThrow('the model is of type 2, not a unigram model');
    // byte_fallback, its field 35.
    const fallback = Buffer.concat([SPIECE, Buffer.from([0x12, 3, 0x98, 2, 1])]);
    expect(() => tokenizerJsonFromSentencePiece(fallback, {})).toThrow('byte fallback is not supported');
  });
});
