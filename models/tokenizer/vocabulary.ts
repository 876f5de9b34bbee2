/**
 * From BERT's `vocab.txt`, and from RoBERTa's `vocab.json` and `merges.txt`, to a `tokenizer.json`, as `transformers` 5
 * reads them. No I/O.
 */
import * as v from 'valibot';

import { addSpecialTokens, nameSpecialTokens, readTokenizerConfig, templateOf } from './tokenizer-config.ts';

/**
 * WordPiece, as BERT and DistilBERT have it.
 * @param text of `vocab.txt`: a piece a line, whose number from 0 is its id
 * @param config the parsed `tokenizer_config.json`, or `{}`
 * @returns the text of a `tokenizer.json`
 * @throws where the vocabulary lacks a special token
 */
export function tokenizerJsonFromVocabulary(text: string, config: unknown): string {
  const settings = readTokenizerConfig(config);
  const names = nameSpecialTokens(settings, {
    unk: '[UNK]',
    pad: '[PAD]',
    cls: '[CLS]',
    sep: '[SEP]',
    mask: '[MASK]',
  });
  const lines = text.replace(/\n$/, '').split(/\r?\n/);
  const ids = new Map(lines.map((piece, id) => [piece, id]));
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addSpecialTokens(names, settings, ids, false),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: settings.tokenize_chinese_chars,
      strip_accents: settings.strip_accents,
      lowercase: settings.do_lower_case,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: templateOf(names, ids),
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: names.unk,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  });
}

/**
 * Byte-level BPE, as RoBERTa has it.
 * @param vocabulary the text of `vocab.json`: ids by piece
 * @param merges the text of `merges.txt`: two pieces a line, those first that are merged first
 * @param config the parsed `tokenizer_config.json`, or `{}`
 * @returns the text of a `tokenizer.json`
 * @throws where a line is no pair, or the vocabulary lacks a special token
 */
export function tokenizerJsonFromMerges(vocabulary: string, merges: string, config: unknown): string {
  const settings = readTokenizerConfig(config);
  const names = nameSpecialTokens(settings, {
    unk: '<unk>',
    pad: '<pad>',
    cls: '<s>',
    sep: '</s>',
    mask: '<mask>',
  });
  const ids = new Map(Object.entries(v.parse(OBJECT, JSON.parse(vocabulary))).map(readEntry));
  const lines = merges.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#version'));
  for (const [i, line] of lines.entries()) {
    if (!/^[^ ]+ [^ ]+$/.test(line)) throw new Error(`merges.txt: merge ${i + 1}, ${JSON.stringify(line)}, is no pair`);
  }
  const byteLevel = { type: 'ByteLevel', trim_offsets: true, use_regex: true };
  const { trim_offsets, add_prefix_space = false } = settings;
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addSpecialTokens(names, settings, ids, true),
    normalizer: null,
    pre_tokenizer: { ...byteLevel, add_prefix_space },
    post_processor: {
      type: 'RobertaProcessing',
      sep: [names.sep, ids.get(names.sep)],
      cls: [names.cls, ids.get(names.cls)],
      trim_offsets,
      add_prefix_space,
    },
    decoder: { ...byteLevel, add_prefix_space: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(ids),
      merges: lines,
    },
  });
}

/** Whatever its keys are: valibot's own objects have no `constructor`, which is a piece. */
const OBJECT = v.custom<object>((value) => typeof value === 'object' && value !== null, 'vocab.json is no object');

function readEntry([piece, id]: [string, unknown]): [string, number] {
  if (typeof id !== 'number') throw new Error(`vocab.json: ${piece} has no id but ${JSON.stringify(id)}`);
  return [piece, id];
}
