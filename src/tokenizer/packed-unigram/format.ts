/**
 * The packed form of a unigram tokenizer: a header of 32-bit words, then sections that are read in place. Everything is
 * little-endian, and every section begins at a multiple of eight bytes. No I/O.
 */

export const MAGIC = 0x756e6e75; // "unnu", the same in either byte order
export const BYTE_ORDER = 0x01020304;
export const VERSION = 1;

/** The words of the header, in this order. */
export const FIELDS = [
  'magic',
  'byte_order',
  'version',
  'bytes', // of the whole file
  'pieces',
  'piece_bytes',
  'units', // of the trie
  'blocks', // of code points
  'images', // of code points
  'image_bytes',
  'pad_id',
  'unk_id',
  'cls_id',
  'sep_id',
  'mask_id',
  'longest', // piece, in bytes
  'rarest_id', // of a piece with the least score
  'units_at', // where each section begins, in bytes
  'scores_at',
  'piece_offsets_at',
  'pieces_at',
  'index_at',
  'blocks_at',
  'image_offsets_at',
  'images_at',
] as const;
export type Field = (typeof FIELDS)[number];
export type Header = Readonly<Record<Field, number>>;
const HEADER_BYTES = 4 * FIELDS.length;

/** The lower eight bits of a trie unit that is not the child of a UTF-8 byte. */
export const LEAF = 0xff;
export const EMPTY = 0xfe;

/** Code points in one block. */
export const BLOCK = 128;
/** One entry for each block of code points. */
const INDEX_LENGTH = 0x110000 / BLOCK;

/** The pieces: a double-array trie (Aoe 1989) with labels instead of parents (Yata's darts-clone). */
export interface Vocabulary {
  /**
   * (units,) a node in the upper 24 bits, and the byte that leads to it in the lower 8. Unit b + c holds the child of node b for
   * byte c, if its lower byte is c; all nodes have different numbers. Unit 0 holds the root. If a piece ends at node b,
   * unit b + LEAF holds its id instead of a node.
   */
  readonly units: Uint32Array;
  /** (pieces,) log-probabilities. */
  readonly scores: Float32Array;
  readonly unk_id: number;
  /** Score of a character that is not a piece by itself. */
  readonly unk_score: number;
  /** Bytes of the longest piece, which bounds a walk through the trie. */
  readonly longest: number;
}

/** What each code point is normalized to, apart from its neighbours (normalize.ts). */
export interface Characters {
  /** (INDEX_LENGTH,) the block for each group of code points. */
  readonly index: Uint16Array;
  /** (blocks, BLOCK) 0 for a code point that stays, k + 1 for one that image k replaces. */
  readonly blocks: Uint16Array;
  /** (images + 1,) start of each image in `images`, then the end of the last one. */
  readonly image_offsets: Uint32Array;
  /** UTF-8. */
  readonly images: Uint8Array;
}

export interface UnigramFile {
  readonly header: Header;
  readonly vocabulary: Vocabulary;
  readonly characters: Characters;
  /** (pieces + 1,) like `image_offsets`. */
  readonly piece_offsets: Uint32Array;
  /** UTF-8. */
  readonly pieces: Uint8Array;
}

type Counts = Pick<Header, 'pieces' | 'piece_bytes' | 'units' | 'blocks' | 'images' | 'image_bytes'>;

/** The start of each section and the size of the file, computed from the counts. */
export function layoutSections(counts: Counts) {
  let bytes = 0;
  const section = (length: number) => {
    const at = bytes;
    bytes += Math.ceil(length / 8) * 8;
    return at;
  };
  section(HEADER_BYTES);
  return {
    units_at: section(4 * counts.units),
    scores_at: section(4 * counts.pieces),
    piece_offsets_at: section(4 * (counts.pieces + 1)),
    pieces_at: section(counts.piece_bytes),
    index_at: section(2 * INDEX_LENGTH),
    blocks_at: section(2 * counts.blocks * BLOCK),
    image_offsets_at: section(4 * (counts.images + 1)),
    images_at: section(counts.image_bytes),
    bytes,
  };
}

/** @throws always, with the fault and the remedy */
export function refuse(what: string): never {
  throw new Error(`tokenizer.bin: ${what}: build the model again`);
}

/**
 * The bytes of entry `i`.
 * @throws naming the offsets, if they are out of range
 */
export function entryOf(offsets: Uint32Array, bytes: Uint8Array, i: number, field: Field): Uint8Array {
  const [start, end] = [offsets[i], offsets[i + 1]];
  if (start === undefined || end === undefined) return refuse(`${field} has no entry ${i}`);
  if (start > end || end > bytes.length) refuse(`${field} has ${start} to ${end} of ${bytes.length} bytes`);
  return bytes.subarray(start, end);
}

/**
 * Checks the header. The sections are checked where they are used, so that loading does not depend on their size.
 * @param bytes read in place; copied once if they do not begin at a multiple of eight in their buffer
 * @throws naming the field that is wrong
 */
export function readUnigram(bytes: Uint8Array): UnigramFile {
  if (bytes.length < HEADER_BYTES) refuse(`has ${bytes.length} bytes; a header has ${HEADER_BYTES}`);
  const { buffer, byteOffset } = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const words = new Uint32Array(buffer, byteOffset, FIELDS.length);
  const header = Object.fromEntries(FIELDS.map((field, i) => [field, words[i]])) as Header;
  checkHeader(header, bytes.length);

  const scores = new Float32Array(buffer, byteOffset + header.scores_at, header.pieces);
  const least = scores[header.rarest_id] ?? NaN;
  if (!Number.isFinite(least)) refuse(`rarest_id is ${header.rarest_id}, whose score is ${least}`);
  return {
    header,
    vocabulary: {
      units: new Uint32Array(buffer, byteOffset + header.units_at, header.units),
      scores,
      unk_id: header.unk_id,
      // As in SentencePiece.
      unk_score: least - 10,
      longest: header.longest,
    },
    characters: {
      index: new Uint16Array(buffer, byteOffset + header.index_at, INDEX_LENGTH),
      blocks: new Uint16Array(buffer, byteOffset + header.blocks_at, header.blocks * BLOCK),
      image_offsets: new Uint32Array(buffer, byteOffset + header.image_offsets_at, header.images + 1),
      images: new Uint8Array(buffer, byteOffset + header.images_at, header.image_bytes),
    },
    piece_offsets: new Uint32Array(buffer, byteOffset + header.piece_offsets_at, header.pieces + 1),
    pieces: new Uint8Array(buffer, byteOffset + header.pieces_at, header.piece_bytes),
  };
}

function checkHeader(header: Header, length: number): void {
  if (header.magic !== MAGIC) refuse('magic is of another kind of file');
  if (header.byte_order !== BYTE_ORDER) refuse('byte_order is not that of this machine');
  if (header.version !== VERSION) refuse(`version is ${header.version}; this build reads version ${VERSION}`);
  if (header.bytes !== length) refuse(`bytes is ${header.bytes}; the file has ${length}`);
  for (const field of ['pad_id', 'unk_id', 'cls_id', 'sep_id', 'mask_id', 'rarest_id'] as const) {
    if (header[field] >= header.pieces) refuse(`${field} is ${header[field]} of ${header.pieces} pieces`);
  }
  if (header.longest > header.piece_bytes) {
    refuse(`longest is ${header.longest}; all pieces have ${header.piece_bytes} bytes`);
  }
  for (const [field, expected] of Object.entries(layoutSections(header)) as [Field, number][]) {
    if (header[field] !== expected) refuse(`${field} is ${header[field]}; by the counts it is ${expected}`);
  }
}
