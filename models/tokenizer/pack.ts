/** Packs a `tokenizer.json` in the form that the worker reads (src/tokenizer/vocabulary/format.ts). No I/O. */
import {
  FIELDS,
  type Header,
  layoutSections,
  MAGIC,
  type MergeTables,
  NO_PIECE,
  type PieceTables,
  VERSION,
} from '../../src/tokenizer/vocabulary/format.ts';
import { MODEL, readComponent } from '../../src/tokenizer/tokenizer-json.ts';
import { checkDepth } from './depth.ts';
import { buildTrie } from './trie.ts';

type Json = Readonly<Record<string, unknown>>;
/** A piece and its id. Of equal pieces the last counts. */
type Entry = readonly [piece: string, id: number];

/** The trie holds ids in 24 bits. */
const MAX_ID = 2 ** 24 - 1;

const refuse = (what: string): never => {
  throw new Error(`tokenizer.json: ${what}`);
};

/**
 * @param json a parsed `tokenizer.json`
 * @throws naming the field that is wrong, or not supported by any model
 */
export function packTokenizer(json: object): Uint8Array<ArrayBuffer> {
  checkDepth(json);
  const { model: given, normalizer, ...stages } = json as Json;
  if (typeof given !== 'object' || given === null) return refuse('model is not an object');
  const { vocab, merges, ...settings } = given as Json;
  // Older files do not name the type.
  const implied = merges !== undefined ? 'BPE' : Array.isArray(vocab) ? 'Unigram' : 'WordPiece';
  const model = { type: implied, ...settings };
  const { type } = readComponent('model', MODEL, model);

  const scores: number[] = [];
  const entries = type === 'Unigram' ? readScored(vocab, scores) : readNumbered(vocab);
  const pieces = packPieces(entries);
  const pairs = type === 'BPE' ? readMerges(merges, new Map(entries)) : [];
  const { charsmap, ...split } = splitCharsmap(normalizer);
  const rest = new TextEncoder().encode(JSON.stringify({ ...stages, ...split, model }));
  return write(rest, pieces, scores, packMerges(pairs, pieces), charsmap);
}

function checkPiece(piece: unknown): string {
  if (typeof piece === 'string' && piece.isWellFormed()) return piece;
  return refuse(`model.vocab: ${JSON.stringify(piece)} is not a text, or has half a character`);
}

/** Of WordPiece and BPE. */
function readNumbered(vocab: unknown): Entry[] {
  if (typeof vocab !== 'object' || vocab === null || Array.isArray(vocab))
    return refuse('model.vocab is not an object');
  return Object.entries(vocab).map(([piece, id]: [string, unknown]) => {
    if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id <= MAX_ID) return [checkPiece(piece), id];
    return refuse(`model.vocab: the id of ${piece} is ${JSON.stringify(id)}, not an integer from 0 to ${MAX_ID}`);
  });
}

/** Of a unigram model. @param scores is filled */
function readScored(vocab: unknown, scores: number[]): Entry[] {
  if (!Array.isArray(vocab)) return refuse('model.vocab is not an array');
  return vocab.map((entry: unknown, id) => {
    const [piece, score] = Array.isArray(entry) ? (entry as unknown[]) : [];
    if (typeof score !== 'number')
      return refuse(`model.vocab: piece ${id} is ${JSON.stringify(entry)}, not a text and its score`);
    scores.push(score);
    return [checkPiece(piece), id];
  });
}

/** Ids of the left, the right and the merged piece. */
type Merge = readonly [left: number, right: number, merged: number];

/** @returns in the order of merging. Of equal pairs the last counts, as in `tokenizers` */
function readMerges(merges: unknown, ids: ReadonlyMap<string, number>): Merge[] {
  if (!Array.isArray(merges)) return refuse('model.merges is not an array');
  const idOf = (piece: string) => ids.get(piece) ?? refuse(`model.merges makes ${piece}, which model.vocab lacks`);
  const found = new Map<string, Merge>();
  for (const merge of merges as unknown[]) {
    const pair: unknown = typeof merge === 'string' ? merge.split(' ') : merge;
    const [left, right, ...more] = Array.isArray(pair) ? (pair as unknown[]) : [];
    if (typeof left !== 'string' || typeof right !== 'string' || more.length > 0) {
      return refuse(`model.merges has ${JSON.stringify(merge)}, which is not a pair`);
    }
    const made: Merge = [idOf(left), idOf(right), idOf(left + right)];
    const key = `${made[0]} ${made[1]}`;
    found.delete(key);
    found.set(key, made);
  }
  return [...found.values()];
}

function packPieces(entries: readonly Entry[]): PieceTables {
  const size = entries.reduce((most, [, id]) => Math.max(most, id + 1), 0);
  const texts = Array.from({ length: size }, () => Buffer.of(NO_PIECE));
  const byText = new Map<string, { bytes: Uint8Array; id: number }>();
  let longest = 0;
  for (const [piece, id] of entries) {
    const bytes = Buffer.from(piece);
    texts[id] = bytes;
    // No text is cut into empty pieces.
    if (piece !== '') byText.set(piece, { bytes, id });
    longest = Math.max(longest, piece.length);
  }
  const offsets = new Uint32Array(size + 1);
  for (let id = 0; id < size; id++) offsets[id + 1] = (offsets[id] ?? 0) + (texts[id]?.length ?? 0);
  return { offsets, texts: Buffer.concat(texts), units: buildTrie([...byText.values()]), longest };
}

function packMerges(merges: readonly Merge[], { offsets: { length } }: PieceTables): MergeTables {
  const ranked = merges.map(([left, right], rank) => ({ left, right, rank }));
  const sorted = ranked.toSorted((a, b) => a.left - b.left || a.right - b.right);
  const offsets = new Uint32Array(merges.length === 0 ? 0 : length);
  for (const { left } of sorted) offsets[left + 1] = (offsets[left + 1] ?? 0) + 1;
  for (let i = 1; i < offsets.length; i++) offsets[i] = (offsets[i] ?? 0) + (offsets[i - 1] ?? 0);
  return {
    offsets,
    rights: Uint32Array.from(sorted, ({ right }) => right),
    ranks: Uint32Array.from(sorted, ({ rank }) => rank),
    merged_ids: Uint32Array.from(merges, ([, , merged]) => merged),
  };
}

/** @returns the normalizer without its `precompiled_charsmap`, and that */
export function splitCharsmap(normalizer: unknown): { normalizer: unknown; charsmap: Uint8Array } {
  const charsmaps: Uint8Array[] = [];
  const rest = takeCharsmap(normalizer, charsmaps);
  const [charsmap = new Uint8Array(), ...others] = charsmaps;
  if (others.length > 0) refuse('normalizer has more than one precompiled_charsmap, which is not supported');
  return { normalizer: rest, charsmap };
}

/** @param charsmaps is filled with the different ones */
function takeCharsmap(normalizer: unknown, charsmaps: Uint8Array[]): unknown {
  if (typeof normalizer !== 'object' || normalizer === null) return normalizer;
  const { type, normalizers, precompiled_charsmap, ...others } = normalizer as Json;
  if (type === 'Sequence' && Array.isArray(normalizers)) {
    return { type, ...others, normalizers: normalizers.map((one) => takeCharsmap(one, charsmaps)) };
  }
  if (type !== 'Precompiled') return normalizer;
  if (typeof precompiled_charsmap !== 'string' || !/^[\w+/]*={0,2}$/.test(precompiled_charsmap)) {
    return refuse('normalizer.precompiled_charsmap is not supported: it is not in Base64');
  }
  const bytes = Buffer.from(precompiled_charsmap, 'base64');
  if (!charsmaps.some((one) => bytes.equals(one))) charsmaps.push(bytes);
  return { type };
}

function write(
  json: Uint8Array,
  pieces: PieceTables,
  scores: readonly number[],
  merges: MergeTables,
  charsmap: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const counts = {
    json_bytes: json.length,
    pieces: pieces.offsets.length - 1,
    piece_bytes: pieces.texts.length,
    units: pieces.units.length,
    scores: scores.length,
    merges: merges.rights.length,
    charsmap_bytes: charsmap.length,
  };
  const layout = layoutSections(counts);
  const header: Header = { magic: MAGIC, version: VERSION, longest: pieces.longest, ...counts, ...layout };
  const file = new Uint8Array(layout.bytes);
  const put = (at: number, { buffer, byteOffset, byteLength }: ArrayBufferView) =>
    file.set(new Uint8Array(buffer, byteOffset, byteLength), at);
  put(
    0,
    Uint32Array.from(FIELDS, (field) => header[field]),
  );
  put(layout.json_at, json);
  put(layout.piece_offsets_at, pieces.offsets);
  put(layout.pieces_at, pieces.texts);
  put(layout.units_at, pieces.units);
  put(layout.scores_at, Float64Array.from(scores));
  put(layout.merge_offsets_at, merges.offsets);
  put(layout.merge_rights_at, merges.rights);
  put(layout.merge_ranks_at, merges.ranks);
  put(layout.merged_ids_at, merges.merged_ids);
  put(layout.charsmap_at, charsmap);
  return file;
}
