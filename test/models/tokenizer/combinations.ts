/** Folders with random combinations of a tokenizer's files, for the reference and for us. Writes files. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { seeded } from '../../../models/evaluation/random.ts';

export const TEXTS = [
  'Hello [MASK] world.',
  'héllo, the Café [MASK] naïve 漢字 newtok1 <e1> and [ENT]!',
  ' The [MASK]\tnewtok1newtok1 [PAD] <pad> x',
  'NEWTOK1 [MASK] ΑΣ İ <s> </s> [CLS] [SEP] [UNK]',
];

type Pick = <T>(...choices: readonly T[]) => T;
type Json = Record<string, unknown>;

const WORDS =
  'hello Hello world World the The café cafe Café naïve naive 漢 字 new ##tok ##1 ##s a and x , . ! [ ] < > e n t'.split(
    ' ',
  );
const BERT = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const ROBERTA = ['<s>', '<pad>', '</s>', '<unk>'];
/** Spelled as in a byte-level vocabulary, with Ġ for a space. */
const BYTES = Array.from({ length: 256 }, (_, byte) => byte);

const token = (content: string, special: boolean, pick: Pick): Json => ({
  content,
  lstrip: pick(false, false, true),
  rstrip: pick(false, false, true),
  single_word: pick(false, false, true),
  normalized: pick(!special, false),
  special,
});

const withId = (id: number, json: Json) => ({ id, ...json });
const never: Pick = () => false as never;

/** The character that stands for a byte (GPT-2's table). */
function spelled(byte: number): string {
  const visible = /[!-~\xa1-\xac\xae-\xff]/;
  if (visible.test(String.fromCharCode(byte))) return String.fromCharCode(byte);
  return String.fromCharCode(0x100 + BYTES.slice(0, byte).filter((b) => !visible.test(String.fromCharCode(b))).length);
}

/** @returns the folders that were written */
export async function writeCombinations(root: string, count: number, seed: number): Promise<string[]> {
  const random = seeded(seed);
  const pick: Pick = (...choices) => choices[random(choices.length)] as (typeof choices)[number];
  const maybe = (json: Json) => (random(2) === 0 ? json : {});
  const folders: string[] = [];
  for (let i = 0; i < count; i++) {
    const kind = pick('bert', 'bert', 'roberta');
    const pieces =
      kind === 'bert' ? [...BERT, ...WORDS] : [...ROBERTA, ...BYTES.map(spelled), 'he', 'Ġthe', 'Ġt', 'll', '<mask>'];
    const merges = ['h e', 'Ġ t', 'Ġt he', 'l l'];
    const size = pieces.length;
    const [mask, unk, cls, sep] =
      kind === 'bert' ? ['[MASK]', '[UNK]', '[CLS]', '[SEP]'] : ['<mask>', '<unk>', '<s>', '</s>'];
    const added = pick<Record<string, number>>({}, { newtok1: size }, { newtok1: size, '<e1>': size + 1 });
    const special = kind === 'bert' ? BERT : [...ROBERTA, mask];
    const own = special.map((content) => withId(pieces.indexOf(content), token(content, true, never)));

    const plain = random(4) === 0;
    const usual =
      kind === 'bert'
        ? pick('BertTokenizer', 'BertTokenizerFast', 'DistilBertTokenizer')
        : pick('RobertaTokenizer', 'RobertaTokenizerFast');
    const tokenizer_class = pick(usual, usual, undefined, plain ? 'PreTrainedTokenizerFast' : usual);
    const isPlain = tokenizer_class === 'PreTrainedTokenizerFast';
    const names: Json =
      isPlain || random(2) === 0
        ? {
            mask_token: pick<unknown>(mask, mask, { __type: 'AddedToken', ...token(mask, true, pick) }),
            unk_token: unk,
            cls_token: cls,
            sep_token: sep,
          }
        : {};
    const decoder = Object.fromEntries([
      ...own.map(({ id, ...one }) => [String(id), one]),
      ...Object.entries(added).map(([content, id]) => [String(id), token(content, random(2) === 0, pick)]),
    ]) as Json;
    const where = pick('decoder', 'added', 'fast', 'none');
    const config: Json = {
      ...(tokenizer_class && { tokenizer_class }),
      ...names,
      ...maybe({ do_lower_case: pick(true, false) }),
      ...maybe({ strip_accents: pick(true, false, null) }),
      ...maybe({ tokenize_chinese_chars: pick(true, false) }),
      ...maybe({ add_prefix_space: pick(true, false) }),
      ...maybe({ trim_offsets: pick(true, false) }),
      ...maybe({ model_max_length: 512, clean_up_tokenization_spaces: true }),
      ...(random(5) === 0 && { additional_special_tokens: pick<unknown>(['<e1>'], ['[ENT]', 'newtok1'], ['!']) }),
      ...(where === 'decoder' && { added_tokens_decoder: decoder }),
    };
    const map: Json = {
      ...maybe({ mask_token: pick<unknown>(mask, token(mask, true, pick)) }),
      ...maybe({ unk_token: unk }),
      ...(random(5) === 0 && { additional_special_tokens: ['[ENT]'] }),
    };
    const lowercase = pick(true, false);
    const prefix = pick(true, false);
    const fast = {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: [
        ...own,
        ...(where === 'fast' || (where === 'decoder' && random(2) === 0)
          ? Object.entries(added).map(([content, id]) => withId(id, token(content, random(2) === 0, pick)))
          : []),
      ],
      normalizer:
        kind === 'bert'
          ? { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase }
          : null,
      pre_tokenizer:
        kind === 'bert'
          ? { type: 'BertPreTokenizer' }
          : { type: 'ByteLevel', add_prefix_space: prefix, trim_offsets: true, use_regex: true },
      post_processor:
        kind === 'bert'
          ? {
              type: 'TemplateProcessing',
              single: [
                { SpecialToken: { id: cls, type_id: 0 } },
                { Sequence: { id: 'A', type_id: 0 } },
                { SpecialToken: { id: sep, type_id: 0 } },
              ],
              pair: [
                { SpecialToken: { id: cls, type_id: 0 } },
                { Sequence: { id: 'A', type_id: 0 } },
                { SpecialToken: { id: sep, type_id: 0 } },
                { Sequence: { id: 'B', type_id: 1 } },
                { SpecialToken: { id: sep, type_id: 1 } },
              ],
              special_tokens: Object.fromEntries(
                [cls, sep].map((one) => [one, { id: one, ids: [pieces.indexOf(one)], tokens: [one] }]),
              ),
            }
          : { type: 'RobertaProcessing', sep: [sep, 2], cls: [cls, 0], trim_offsets: true, add_prefix_space: prefix },
      decoder:
        kind === 'bert'
          ? { type: 'WordPiece', prefix: '##', cleanup: true }
          : { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
      model:
        kind === 'bert'
          ? {
              type: 'WordPiece',
              unk_token: unk,
              continuing_subword_prefix: '##',
              max_input_chars_per_word: 100,
              vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
            }
          : {
              type: 'BPE',
              dropout: null,
              unk_token: null,
              continuing_subword_prefix: '',
              end_of_word_suffix: '',
              fuse_unk: false,
              byte_fallback: false,
              ignore_merges: false,
              vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
              merges: merges.map((pair) => pair.split(' ')),
            },
    };

    const folder = join(root, String(i));
    await mkdir(folder, { recursive: true });
    const write = (name: string, value: unknown) =>
      writeFile(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));
    await write('config.json', { model_type: kind === 'bert' ? pick('bert', 'distilbert', 'electra') : 'roberta' });
    if (random(6) > 0 || isPlain) await write('tokenizer_config.json', config);
    if (random(3) === 0) await write('special_tokens_map.json', map);
    if (where === 'added') await write('added_tokens.json', added);
    if (isPlain || where === 'fast' || random(2) === 0) await write('tokenizer.json', fast);
    else if (kind === 'bert') await write('vocab.txt', pieces.join(pick('\n', '\r\n')) + pick('\n', ''));
    else {
      await write('vocab.json', Object.fromEntries(pieces.map((piece, id) => [piece, id])));
      await write('merges.txt', ['#version: 0.2', ...merges].join(pick('\n', '\r\n')));
    }
    folders.push(folder);
  }
  return folders;
}
