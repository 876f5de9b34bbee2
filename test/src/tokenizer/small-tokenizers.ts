/** A WordPiece, a byte-level BPE and a unigram tokenizer with a few pieces each, as their `tokenizer.json`. No I/O. */
import { packTokenizer } from '../../../models/tokenizer/pack.ts';
import { createTokenizer } from '../../../src/tokenizer/create-tokenizer.ts';
import { spellBytes } from '../../../src/tokenizer/pre-tokenizers/byte-level.ts';
import type { SpecialTokens, Tokenizer } from '../../../src/tokenizer/tokenizer.ts';

export type Json = Record<string, unknown>;
export interface TokenizerJson extends Json {
  added_tokens: ReturnType<typeof addedToken>[];
  model: Json;
}

export const addedToken = (content: string, id: number, flags = {}) => ({
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

const BERT_PIECES =
  '[PAD] [UNK] [CLS] [SEP] [MASK] walk ##ing ##s i love un ##able able ing ( ) ! ##! ##( 漢 ##漢 e ##e ##1 1'.split(
    ' ',
  );
/** @param pieces padding, unknown, beginning, end and mask first, in this order */
export const wordPieceJson = (pieces: readonly string[]) => ({
  added_tokens: pieces.slice(0, 5).map((token, id) => addedToken(token, id)),
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: { type: 'BertProcessing', cls: [pieces[2], 2], sep: [pieces[3], 3] },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: {
    type: 'WordPiece',
    unk_token: pieces[1],
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: numbered(pieces),
  },
});
export const bertJson = (): TokenizerJson => wordPieceJson(BERT_PIECES);

export const MERGES = ['l o', 'v e', 'lo ve', 'Ġ love', 'a b', 'ab l', 'abl e', 'a a', 'aa aa'];
const ASCII = Array.from({ length: 128 }, (_, byte) => String.fromCharCode(byte)).join('');
const ROBERTA_PIECES = [
  '<s>',
  '<pad>',
  '</s>',
  '<unk>',
  ...new Set(spellBytes(`${ASCII}é😀`)),
  ...MERGES.map((pair) => pair.replace(' ', '')),
  '<mask>',
];
export const robertaJson = (add_prefix_space = false): TokenizerJson => ({
  added_tokens: [0, 1, 2, 3, ROBERTA_PIECES.length - 1].map((id) =>
    addedToken(ROBERTA_PIECES[id] ?? '', id, { lstrip: ROBERTA_PIECES[id] === '<mask>' }),
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

const METASPACE = { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'always' };
const ALBERT_PIECES: [string, number][] = [
  ...['<pad>', '<unk>', '[CLS]', '[SEP]', '[MASK]'].map((token): [string, number] => [token, 0]),
  ['\u2581', -4],
  ['\u2581love', -2],
  ['love', -3],
  ['a', -3],
  ['\u2581a', -3],
  ['able', -3],
];
export const albertJson = (): TokenizerJson => ({
  added_tokens: ALBERT_PIECES.slice(0, 5).map(([token], id) => addedToken(token, id)),
  normalizer: { type: 'Sequence', normalizers: [{ type: 'NFKD' }, { type: 'StripAccents' }, { type: 'Lowercase' }] },
  pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, METASPACE] },
  post_processor: { type: 'BertProcessing', cls: ['[CLS]', 2], sep: ['[SEP]', 3] },
  decoder: METASPACE,
  model: { type: 'Unigram', unk_id: 1, vocab: ALBERT_PIECES },
});

/** Finds the mask and the unknown token among the added tokens. */
function specialTokensOf({ added_tokens }: TokenizerJson): SpecialTokens {
  const find = (pattern: RegExp) => {
    const { id = -1, content = '' } = added_tokens.find((one) => pattern.test(one.content)) ?? {};
    return { id, token: content };
  };
  return { mask: find(/mask/i), unk: find(/unk/i) };
}

export const createSmall = (json: TokenizerJson): Tokenizer =>
  createTokenizer(packTokenizer(json), specialTokensOf(json));

export const SMALL = {
  bert: createSmall(bertJson()),
  roberta: createSmall(robertaJson()),
  /** Puts a space before a text. */
  'roberta, prefixed': createSmall(robertaJson(true)),
  albert: createSmall(albertJson()),
};
export type SmallName = keyof typeof SMALL;

/** The ids of pieces, -1 for a piece that the vocabulary lacks. */
export function idsOf(tokenizer: Tokenizer, pieces: readonly string[]): number[] {
  const known = Array.from({ length: 400 }, (_, id) => tokenizer.piece(id));
  return pieces.map((piece) => known.indexOf(piece));
}
export const piecesOf = (tokenizer: Tokenizer, ids: Iterable<number>): string =>
  Array.from(ids, (id) => tokenizer.piece(id)).join(' ');
