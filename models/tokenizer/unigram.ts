/** Packs a `tokenizer.json` in the form that src/tokenizer/packed-unigram/ reads. No I/O. */
import { isDeepStrictEqual } from 'node:util';

import { INVISIBLE } from '../../src/tokenizer/packed-unigram/normalize.ts';
import {
  BLOCK,
  BYTE_ORDER,
  FIELDS,
  type Header,
  layoutSections,
  MAGIC,
  VERSION,
} from '../../src/tokenizer/packed-unigram/format.ts';
import { SPECIAL } from '../../src/tokenizer/packed-unigram/create-tokenizer.ts';
import { tabulateCharacters } from './characters.ts';
import { buildTrie } from './trie.ts';

type SpecialIds = Record<keyof typeof SPECIAL, number>;

/** The normalizers that models/train/prepare.py writes; packed-unigram/normalize.ts and characters.ts implement them. */
const NORMALIZER = {
  type: 'Sequence',
  normalizers: [
    { type: 'Replace', pattern: { Regex: `[${INVISIBLE}]` }, content: '' },
    { type: 'Replace', pattern: { Regex: "``|''|[\u201c\u201d\u201e]" }, content: '"' },
    { type: 'Replace', pattern: { Regex: '[\u2018\u2019]' }, content: "'" },
    { type: 'NFKD' },
    { type: 'StripAccents' },
    { type: 'Lowercase' },
    { type: 'Replace', pattern: { Regex: '[\t\n\v\f\r \u0085\u1680\u2028\u2029]+' }, content: ' ' },
    { type: 'Strip', strip_left: false, strip_right: true },
  ],
};
const METASPACE = { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'first', split: true };

const piece = (name: string, type_id: number) => ({ SpecialToken: { id: name, type_id } });
const sequence = (name: string, type_id: number) => ({ Sequence: { id: name, type_id } });
const single = [piece('[CLS]', 0), sequence('A', 0), piece('[SEP]', 0)];
const template = ({ cls_id, sep_id }: SpecialIds) => ({
  type: 'TemplateProcessing',
  single,
  pair: [...single, sequence('B', 1), piece('[SEP]', 1)],
  special_tokens: {
    '[CLS]': { id: '[CLS]', ids: [cls_id], tokens: ['[CLS]'] },
    '[SEP]': { id: '[SEP]', ids: [sep_id], tokens: ['[SEP]'] },
  },
});
const addedTokens = (ids: SpecialIds) =>
  Object.entries(SPECIAL).map(([field, content]) => ({
    id: ids[field as keyof SpecialIds],
    content,
    single_word: false,
    lstrip: field === 'mask_id',
    rstrip: false,
    normalized: false,
    special: true,
  }));

/**
 * @param tokenizerJson the text of a `tokenizer.json`
 * @returns undefined unless it is a unigram tokenizer with exactly the stages of the packed form; create-tokenizer.ts reads
 *   the others
 * @throws if it is one and contradicts itself, or has scores that float32 cannot represent
 */
export function packUnigram(tokenizerJson: string): Uint8Array<ArrayBuffer> | undefined {
  const json = JSON.parse(tokenizerJson) as Record<string, unknown>;
  const ids = specialIds(json['added_tokens']);
  const { type, unk_id, vocab, byte_fallback, ...others } = (json['model'] ?? {}) as Record<string, unknown>;
  if (!ids || type !== 'Unigram' || !Array.isArray(vocab)) return undefined;
  const form = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(ids),
    normalizer: NORMALIZER,
    pre_tokenizer: METASPACE,
    post_processor: template(ids),
    decoder: METASPACE,
    model: { unk_id, byte_fallback: false },
  };
  if (!isDeepStrictEqual({ ...json, model: { unk_id, byte_fallback, ...others } }, form)) return undefined;

  const entries = vocab.map(readEntry);
  if (entries.some(({ text, score }) => score > 0 || (text.includes(SPECIAL.unk_id) && text !== SPECIAL.unk_id))) {
    // `tokenizers` may find such a piece in adjacent unknown characters.
    return undefined;
  }
  checkIds(entries, ids, unk_id);
  return pack(entries, ids);
}

/** By the texts of the tokens; undefined if one of them is missing. */
function specialIds(added: unknown): SpecialIds | undefined {
  if (!Array.isArray(added)) return undefined;
  const found = Object.entries(SPECIAL).map(([field, content]) => {
    const token = (added as ({ id?: unknown; content?: unknown } | null)[]).find((one) => one?.content === content);
    return [field, token?.id] as const;
  });
  return found.every(([, id]) => Number.isInteger(id)) ? (Object.fromEntries(found) as SpecialIds) : undefined;
}

interface Entry {
  readonly text: string;
  readonly score: number;
}

function readEntry(entry: unknown, id: number): Entry {
  const [text, score] = Array.isArray(entry) ? (entry as unknown[]) : [];
  if (typeof text !== 'string' || typeof score !== 'number') {
    throw new Error(`tokenizer.json: piece ${id} is ${JSON.stringify(entry)}, not a text and its score`);
  }
  const name = `piece ${id}, ${JSON.stringify(text)},`;
  if (text === '' || !text.isWellFormed()) throw new Error(`tokenizer.json: ${name} is empty or has half a character`);
  if (Math.fround(score) !== score) {
    throw new Error(
      `tokenizer.json: ${name} has the score ${score}, which float32 cannot represent: other pieces could be chosen. ` +
        'SentencePiece scores are float32: use them unchanged',
    );
  }
  return { text, score };
}

function checkIds(entries: readonly Entry[], ids: SpecialIds, unk_id: unknown): void {
  const seen = new Map<string, number>();
  for (const [id, { text }] of entries.entries()) {
    const before = seen.get(text);
    if (before !== undefined) {
      throw new Error(`tokenizer.json: pieces ${before} and ${id} are both ${JSON.stringify(text)}`);
    }
    seen.set(text, id);
  }
  for (const [field, token] of Object.entries(SPECIAL)) {
    const id = ids[field as keyof SpecialIds];
    if (seen.get(token) !== id) {
      throw new Error(`tokenizer.json: added_tokens has ${token} as ${id}, model.vocab as ${seen.get(token)}`);
    }
  }
  if (unk_id !== ids.unk_id) {
    throw new Error(`tokenizer.json: model.unk_id is ${String(unk_id)}, <unk> is ${ids.unk_id}`);
  }
}

function pack(entries: readonly Entry[], ids: SpecialIds): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const pieces = entries.map(({ text }) => encoder.encode(text));
  const piece_offsets = new Uint32Array(pieces.length + 1);
  for (const [id, { length }] of pieces.entries()) piece_offsets[id + 1] = (piece_offsets[id] ?? 0) + length;
  const units = buildTrie(pieces);
  const { index, blocks, image_offsets, images } = tabulateCharacters();
  const counts = {
    pieces: pieces.length,
    piece_bytes: piece_offsets[pieces.length] ?? 0,
    units: units.length,
    blocks: blocks.length / BLOCK,
    images: image_offsets.length - 1,
    image_bytes: images.length,
  };
  const layout = layoutSections(counts);
  const header: Header = {
    magic: MAGIC,
    byte_order: BYTE_ORDER,
    version: VERSION,
    longest: pieces.reduce((most, { length }) => Math.max(most, length), 0),
    rarest_id: entries.reduce((least, { score }, id) => (score < (entries[least]?.score ?? 0) ? id : least), 0),
    ...counts,
    ...ids,
    ...layout,
  };

  const file = new Uint8Array(layout.bytes);
  const put = (at: number, { buffer, byteOffset, byteLength }: ArrayBufferView) =>
    file.set(new Uint8Array(buffer, byteOffset, byteLength), at);
  put(
    0,
    Uint32Array.from(FIELDS, (field) => header[field]),
  );
  put(layout.units_at, units);
  put(
    layout.scores_at,
    Float32Array.from(entries, ({ score }) => score),
  );
  put(layout.piece_offsets_at, piece_offsets);
  for (const [id, bytes] of pieces.entries()) file.set(bytes, layout.pieces_at + (piece_offsets[id] ?? 0));
  put(layout.index_at, index);
  put(layout.blocks_at, blocks);
  put(layout.image_offsets_at, image_offsets);
  put(layout.images_at, images);
  return file;
}
