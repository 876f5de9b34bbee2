/**
 * The format of `tokenizer.bin`: a `tokenizer.json` whose large parts are tables that are read in place. It has a header of
 * 32-bit words, then sections. Everything is little-endian, and every section begins at a multiple of eight bytes. No I/O.
 */

export const MAGIC = 0x6e626b74; // "tkbn"
export const VERSION = 2;

/** The words of the header, in this order. */
export const FIELDS = [
  'magic',
  'version',
  'bytes', // of the whole file
  'json_bytes',
  'pieces',
  'piece_bytes',
  'units', // of the trie
  'longest', // piece, in UTF-16 code units
  'scores', // as many as pieces, or none
  'merges',
  'charsmap_bytes',
  'json_at', // where each section begins, in bytes
  'piece_offsets_at',
  'pieces_at',
  'units_at',
  'scores_at',
  'merge_offsets_at',
  'merge_rights_at',
  'merge_ranks_at',
  'merged_ids_at',
  'charsmap_at',
] as const;
export type Field = (typeof FIELDS)[number];
export type Header = Readonly<Record<Field, number>>;
const HEADER_BYTES = 4 * FIELDS.length;

/** The lower eight bits of a trie unit that is not the child of a UTF-8 byte. */
export const LEAF = 0xff;
export const EMPTY = 0xfe;

/** The text of an id that no piece has: a byte that UTF-8 never contains. */
export const NO_PIECE = 0xff;

/** The pieces: their texts, and a double-array trie (Aoe 1989) with labels instead of parents (Yata's darts-clone). */
export interface PieceTables {
  /** (pieces + 1,) start of each text in `texts`, then the end of the last one. */
  readonly offsets: Uint32Array;
  /** UTF-8. */
  readonly texts: Uint8Array;
  /**
   * (units,) a node in the upper 24 bits, and the byte that leads to it in the lower 8. Unit b + c holds the child of node b for
   * byte c, if its lower byte is c; all nodes have different numbers. Unit 0 holds the root. If a piece ends at node b,
   * unit b + LEAF holds its id instead of a node.
   */
  readonly units: Uint32Array;
  /** Code units of the longest piece, which bounds a walk through the trie. */
  readonly longest: number;
}

/** The merges of a BPE, sorted by their left piece, then by their right one. */
export interface MergeTables {
  /** (pieces + 1,) start of the merges of each left piece; empty without merges. */
  readonly offsets: Uint32Array;
  /** (merges,) id of the right piece. */
  readonly rights: Uint32Array;
  /** (merges,) those of the lowest rank are made first. */
  readonly ranks: Uint32Array;
  /** (merges,) by rank: the id of the piece that the merge makes. */
  readonly merged_ids: Uint32Array;
}

/** What the parts of a tokenizer are created from. */
export interface TokenizerFile {
  /** The `tokenizer.json` without `vocab`, `merges` and `precompiled_charsmap`. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly pieces: PieceTables;
  /** (pieces,) log-probabilities, or empty. */
  readonly scores: Float64Array;
  readonly merges: MergeTables;
  /** SentencePiece's `precompiled_charsmap`, or empty. */
  readonly charsmap: Uint8Array;
}

type Counts = Pick<Header, 'json_bytes' | 'pieces' | 'piece_bytes' | 'units' | 'scores' | 'merges' | 'charsmap_bytes'>;

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
    json_at: section(counts.json_bytes),
    piece_offsets_at: section(4 * (counts.pieces + 1)),
    pieces_at: section(counts.piece_bytes),
    units_at: section(4 * counts.units),
    scores_at: section(8 * counts.scores),
    merge_offsets_at: section(counts.merges === 0 ? 0 : 4 * (counts.pieces + 1)),
    merge_rights_at: section(4 * counts.merges),
    merge_ranks_at: section(4 * counts.merges),
    merged_ids_at: section(4 * counts.merges),
    charsmap_at: section(counts.charsmap_bytes),
    bytes,
  };
}

/** @throws always, with the fault and the remedy */
export function refuse(what: string): never {
  throw new Error(`tokenizer.bin: ${what}: convert the model again`);
}

/**
 * Checks the header. The sections are checked where they are used, so that loading does not depend on their size.
 * @param bytes read in place; copied once if they do not begin at a multiple of eight in their buffer
 * @throws naming the field that is wrong
 */
export function readTokenizerFile(bytes: Uint8Array): TokenizerFile {
  if (bytes.length < HEADER_BYTES) refuse(`has ${bytes.length} bytes; a header has ${HEADER_BYTES}`);
  const { buffer, byteOffset } = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const words = new Uint32Array(buffer, byteOffset, FIELDS.length);
  const header = Object.fromEntries(FIELDS.map((field, i) => [field, words[i]])) as Header;
  checkHeader(header, bytes.length);

  const words32 = (at: number, length: number) => new Uint32Array(buffer, byteOffset + at, length);
  const words8 = (at: number, length: number) => new Uint8Array(buffer, byteOffset + at, length);
  return {
    json: readJson(words8(header.json_at, header.json_bytes)),
    pieces: {
      offsets: words32(header.piece_offsets_at, header.pieces + 1),
      texts: words8(header.pieces_at, header.piece_bytes),
      units: words32(header.units_at, header.units),
      longest: header.longest,
    },
    scores: new Float64Array(buffer, byteOffset + header.scores_at, header.scores),
    merges: {
      offsets: words32(header.merge_offsets_at, header.merges === 0 ? 0 : header.pieces + 1),
      rights: words32(header.merge_rights_at, header.merges),
      ranks: words32(header.merge_ranks_at, header.merges),
      merged_ids: words32(header.merged_ids_at, header.merges),
    },
    charsmap: words8(header.charsmap_at, header.charsmap_bytes),
  };
}

function checkHeader(header: Header, length: number): void {
  if (header.magic !== MAGIC) refuse('magic is of another kind of file');
  if (header.version !== VERSION) refuse(`version is ${header.version}; this build reads version ${VERSION}`);
  if (header.bytes !== length) refuse(`bytes is ${header.bytes}; the file has ${length}`);
  if (header.scores !== 0 && header.scores !== header.pieces) {
    refuse(`scores is ${header.scores}; there are ${header.pieces} pieces`);
  }
  for (const [field, expected] of Object.entries(layoutSections(header)) as [Field, number][]) {
    if (header[field] !== expected) refuse(`${field} is ${header[field]}; by the counts it is ${expected}`);
  }
}

function readJson(bytes: Uint8Array): TokenizerFile['json'] {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as TokenizerFile['json'];
  } catch {
    // Refused below.
  }
  return refuse('json is not a JSON object');
}
