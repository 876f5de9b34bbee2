/**
 * The binary form of a unigram tokenizer: a header of 32-bit words, then sections that are used as they lie. Everything is
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

/** What a unit of the trie has in its lower eight bits, where it is no child by a byte of UTF-8. */
export const LEAF = 0xff;
export const EMPTY = 0xfe;

/** Code points. */
export const BLOCK = 128;
/** One entry for each block of the code points of Unicode. */
const INDEX_LENGTH = 0x110000 / BLOCK;

/** Which pieces there are: a double-array trie (Aoe 1989) with labels in place of parents (Yata's darts-clone). */
export interface Vocabulary {
  /**
   * (units,) a node in the upper 24 bits, the byte that leads to it in the lower 8. The child of node b by byte c is what
   * unit b + c holds, if its byte is c: nodes are numbered so that no two have the same number. Unit 0 holds the root.
   * Where a piece ends at node b, unit b + LEAF holds its id in place of a node.
   */
  readonly units: Uint32Array;
  /** (pieces,) log-probabilities. */
  readonly scores: Float32Array;
  readonly unk_id: number;
  /** Of one character that no piece covers alone. */
  readonly unk_score: number;
  /** Bytes that no piece exceeds: how far the trie is asked. */
  readonly longest: number;
}

/** What the normalizer makes of each code point, except where its neighbours matter (src/tokenizer/normalize.ts). */
export interface Characters {
  /** (INDEX_LENGTH,) which of the blocks stands for these code points. */
  readonly index: Uint16Array;
  /** (blocks, BLOCK) 0 where a code point stays as it is, k + 1 where image k takes its place. */
  readonly blocks: Uint16Array;
  /** (images + 1,) where each begins in `images`; the last is where the last one ends. */
  readonly image_offsets: Uint32Array;
  /** UTF-8. */
  readonly images: Uint8Array;
}

export interface UnigramFile {
  readonly header: Header;
  readonly vocabulary: Vocabulary;
  readonly characters: Characters;
  /** (pieces + 1,) as `image_offsets`. */
  readonly piece_offsets: Uint32Array;
  /** UTF-8. */
  readonly pieces: Uint8Array;
}

type Counts = Pick<Header, 'pieces' | 'piece_bytes' | 'units' | 'blocks' | 'images' | 'image_bytes'>;

/** Where the sections of a file with these counts begin, and how many bytes it has. */
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

/** @throws always: what is said of the file, and what to do */
export function refuse(what: string): never {
  throw new Error(`tokenizer.bin: ${what}: build the model again`);
}

/**
 * The bytes of entry `i`, by the offsets of its kind.
 * @throws naming the offsets, where they do not lead to an entry
 */
export function entryOf(offsets: Uint32Array, bytes: Uint8Array, i: number, field: Field): Uint8Array {
  const [start, end] = [offsets[i], offsets[i + 1]];
  if (start === undefined || end === undefined) return refuse(`${field} has no entry ${i}`);
  if (start > end || end > bytes.length) refuse(`${field} has ${start} to ${end} of ${bytes.length} bytes`);
  return bytes.subarray(start, end);
}

/**
 * Checks the header. What the sections say is checked where it is used, so that loading does not depend on their size.
 * @param bytes looked at as they lie, or copied once where they do not begin at a multiple of eight in their buffer
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
      // As SentencePiece has it.
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
