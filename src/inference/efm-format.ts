/**
 * The file that the engine reads, `model.efm`: everything in the order and the form in which the kernels use it, so that
 * loading is copying. Little-endian.
 *
 *   header      96 bytes: see `writeHeader`
 *   table       for each section 40 bytes: its name (32 bytes of ASCII, zeros behind), offset and length (u32)
 *   sections    each at a multiple of 64
 *
 * What sections there are, how long each is and where it begins follows from the geometry. The table says it again, and a
 * file of which that is not so is refused. No I/O.
 */

/** The sizes that a file has to state; names as in `config.json` of transformers. */
export interface ModelConfig {
  readonly vocab_size: number;
  readonly embedding_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  /** How many are applied. */
  readonly num_hidden_layers: number;
  /** How many have weights of their own: see `layerOrder`. */
  readonly layers_stored: number;
  readonly num_attention_heads: number;
  readonly max_position_embeddings: number;
  readonly type_vocab_size: number;
  /** Stored layers that are applied as one. */
  readonly inner_group_num: number;
  readonly layer_norm_eps: number;
  /** Whether embeddings are projected to the hidden size (ALBERT), even if that is the same. */
  readonly projection: boolean;
  /** Whether there is a sentence-order or next-sentence head. */
  readonly sentence: boolean;
  readonly gelu: 'erf' | 'tanh';
  /** Whether the MLM head has a decoder of its own, which is not the words. */
  readonly decoder: boolean;
  /** Of the weights in the layers; all others have 8. */
  readonly layer_bits: 4 | 8;
}

export interface Section {
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
}

/** A file that the engine cannot read; the message names the field. */
export class BlobError extends Error {
  override readonly name = 'BlobError';
}

const BLOB_VERSION = 2;
/** 'efm' and a zero, in the order of the file. */
const MAGIC = 0x006d6665;
const BYTE_ORDER = 0x01020304;
const HEADER_BYTES = 96;
const NAME_BYTES = 32;
const ENTRY_BYTES = NAME_BYTES + 8;
const ALIGNMENT = 64;
/** Of the header and the table: 48 layers, twice what any of these models has. A lie may not make us wait for more. */
const MAX_HEADER_BYTES = 64 * 1024;
/** WASM addresses 4 GiB, an isolate has 128 MB. */
const MAX_BLOB_BYTES = 2 ** 30;
/** Attention adds up head-size products of 2 × 12 bits in 32. */
const MAX_HEAD_SIZE = 128;

const FIELDS = [
  'vocab_size',
  'embedding_size',
  'hidden_size',
  'intermediate_size',
  'num_hidden_layers',
  'layers_stored',
  'num_attention_heads',
  'max_position_embeddings',
  'type_vocab_size',
  'inner_group_num',
] as const;
const FLAGS = { projection: 1, sentence: 2, tanh: 4, decoder: 8, four_bits: 16 } as const;
const KNOWN_FLAGS = 31;

// Byte offsets of the header; the kernels read the same ones.
const AT = {
  magic: 0,
  byteOrder: 4,
  version: 8,
  header: 12,
  total: 16,
  sections: 20,
  fields: 24,
  flags: 64,
  epsilon: 68,
};

const align = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
/** Inputs that share a step where weights have 4 bits. */
export const STEP_INPUTS = 32;

/** The width of a matrix in the file. */
export const padTo8 = (width: number): number => Math.ceil(width / 8) * 8;

/**
 * (num_hidden_layers,): which stored layer is applied when. An ALBERT has groups of `inner_group_num` layers; a group is
 * applied whole, as often as its share of the depth says (`AlbertTransformer` in transformers). Where nothing is shared,
 * every layer is a group.
 */
export function layerOrder(
  geometry: Pick<ModelConfig, 'num_hidden_layers' | 'layers_stored' | 'inner_group_num'>,
): number[] {
  const { num_hidden_layers, layers_stored, inner_group_num: inner } = geometry;
  const [depth, groups] = [num_hidden_layers / inner, layers_stored / inner];
  return Array.from({ length: num_hidden_layers }, (_, i) => {
    const group = Math.floor(Math.floor(i / inner) / (depth / groups));
    return group * inner + (i % inner);
  });
}

/**
 * Every section of a file of this geometry, in order. A matrix (inputs K, outputs N rounded up to 8) is four:
 * `weight` (N / 8, K / 4, 8, 4) int8; `scale`, `sum` (scale × Σ weight) and `bias`, (N,) float32. With 4 bits, `weight` is
 * (N / 8) × [(K / 8, 8, 4) bytes, (K / 32, 8) uint8]: see models/quantization/int4.ts.
 */
export function layoutSections(geometry: ModelConfig): {
  sections: Section[];
  headerBytes: number;
  totalBytes: number;
} {
  const { vocab_size: V, embedding_size: E, hidden_size: H, intermediate_size: F } = geometry;
  const sizes: [name: string, bytes: number][] = [];
  const floats = (name: string, count: number) => sizes.push([name, 4 * count]);
  const matrix = (name: string, inputs: number, outputs: number, bits = 8) => {
    const width = padTo8(outputs);
    sizes.push([`${name}.weight`, bits === 4 ? (inputs / 2 + inputs / STEP_INPUTS) * width : inputs * width]);
    for (const part of ['scale', 'sum', 'bias']) floats(`${name}.${part}`, width);
  };
  const norm = (name: string, width: number) => {
    floats(`${name}.gain`, width);
    floats(`${name}.shift`, width);
  };

  matrix('words', E, V);
  floats('positions', geometry.max_position_embeddings * E);
  floats('types', geometry.type_vocab_size * E);
  norm('embeddings', E);
  if (geometry.projection) matrix('projection', E, H);
  for (let layer = 0; layer < geometry.layers_stored; layer++) {
    const name = (part: string) => `layer.${layer}.${part}`;
    const { layer_bits: bits } = geometry;
    matrix(name('query'), H, H, bits);
    matrix(name('key_value'), H, 2 * H, bits);
    matrix(name('attention'), H, H, bits);
    norm(name('attention'), H);
    matrix(name('feed_forward'), H, F, bits);
    matrix(name('output'), F, H, bits);
    norm(name('output'), H);
    floats(name('smooth_attention'), H);
    floats(name('smooth_feed_forward'), H);
  }
  matrix('mlm', H, E);
  norm('mlm', E);
  if (geometry.decoder) matrix('decoder', E, V);
  if (geometry.sentence) {
    matrix('pooler', H, H);
    floats('sentence.weight', 2 * H);
    floats('sentence.bias', 2);
  }

  const headerBytes = align(HEADER_BYTES + sizes.length * ENTRY_BYTES);
  let end = headerBytes;
  const sections = sizes.map(([name, bytes]) => {
    const offset = end;
    end = align(offset + bytes);
    return { name, offset, bytes };
  });
  return { sections, headerBytes, totalBytes: end };
}

/** @returns a file of the right size: header and table written, sections zero. */
export function createBlob(geometry: ModelConfig): { blob: Uint8Array<ArrayBuffer>; sections: Section[] } {
  const wrong = whyUnusable(geometry);
  if (wrong) throw new BlobError(wrong);
  const { sections, headerBytes, totalBytes } = layoutSections(geometry);
  const blob = new Uint8Array(totalBytes);
  const view = new DataView(blob.buffer);
  const write = (at: number, value: number) => view.setUint32(at, value, true);
  write(AT.magic, MAGIC);
  write(AT.byteOrder, BYTE_ORDER);
  write(AT.version, BLOB_VERSION);
  write(AT.header, headerBytes);
  write(AT.total, totalBytes);
  write(AT.sections, sections.length);
  for (const [i, field] of FIELDS.entries()) write(AT.fields + 4 * i, geometry[field]);
  write(
    AT.flags,
    (geometry.projection ? FLAGS.projection : 0) |
      (geometry.sentence ? FLAGS.sentence : 0) |
      (geometry.gelu === 'tanh' ? FLAGS.tanh : 0) |
      (geometry.decoder ? FLAGS.decoder : 0) |
      (geometry.layer_bits === 4 ? FLAGS.four_bits : 0),
  );
  view.setFloat32(AT.epsilon, geometry.layer_norm_eps, true);
  for (const [i, { name, offset, bytes }] of sections.entries()) {
    const entry = HEADER_BYTES + i * ENTRY_BYTES;
    new TextEncoder().encodeInto(name, blob.subarray(entry, entry + NAME_BYTES));
    write(entry + NAME_BYTES, offset);
    write(entry + NAME_BYTES + 4, bytes);
  }
  return { blob, sections };
}

/**
 * How many bytes `readHeader` wants, going by the bytes that there are: with too few to say, so many that it can be said.
 * @throws {BlobError} when it is no such file, or one of another version or byte order
 */
export function headerBytesOf(start: Uint8Array): number {
  if (start.length < AT.fields) return AT.fields;
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const read = (at: number) => view.getUint32(at, true);
  if (read(AT.magic) !== MAGIC) throw new BlobError('magic: this is no model.efm');
  if (read(AT.byteOrder) !== BYTE_ORDER) {
    throw new BlobError(`byte order: 0x${read(AT.byteOrder).toString(16)} where little-endian has 0x1020304`);
  }
  if (read(AT.version) !== BLOB_VERSION) {
    throw new BlobError(`version: ${read(AT.version)} where this engine reads ${BLOB_VERSION}: build the model again`);
  }
  const bytes = read(AT.header);
  if (bytes < HEADER_BYTES || bytes > MAX_HEADER_BYTES) {
    throw new BlobError(`header bytes: ${bytes} is not between ${HEADER_BYTES} and ${MAX_HEADER_BYTES}`);
  }
  return bytes;
}

/**
 * @param header the first `headerBytesOf` bytes
 * @param size of the whole file
 * @throws {BlobError} naming the first field that is wrong, or that contradicts another or the size
 */
export function readHeader(header: Uint8Array, size: number): ModelConfig {
  const claimed = headerBytesOf(header);
  if (header.length < claimed) throw new BlobError(`the file ends within its header, after ${header.length} bytes`);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const read = (at: number) => view.getUint32(at, true);
  const flags = read(AT.flags);
  if (flags > KNOWN_FLAGS) throw new BlobError(`flags: ${flags} has bits that this engine does not know`);
  const sizes = Object.fromEntries(FIELDS.map((field, i) => [field, read(AT.fields + 4 * i)]));
  const geometry: ModelConfig = {
    ...(sizes as Record<(typeof FIELDS)[number], number>),
    layer_norm_eps: view.getFloat32(AT.epsilon, true),
    projection: (flags & FLAGS.projection) !== 0,
    sentence: (flags & FLAGS.sentence) !== 0,
    gelu: flags & FLAGS.tanh ? 'tanh' : 'erf',
    decoder: (flags & FLAGS.decoder) !== 0,
    layer_bits: flags & FLAGS.four_bits ? 4 : 8,
  };
  const wrong = whyUnusable(geometry);
  if (wrong) throw new BlobError(wrong);

  const { sections, headerBytes, totalBytes } = layoutSections(geometry);
  const expect = (field: string, found: number | string, expected: number | string) => {
    if (found !== expected) throw new BlobError(`${field}: ${found} where this geometry has ${expected}`);
  };
  expect('sections', read(AT.sections), sections.length);
  expect('header bytes', claimed, headerBytes);
  expect('total bytes', read(AT.total), totalBytes);
  if (size !== totalBytes) throw new BlobError(`total bytes: ${totalBytes} where the file has ${size}`);
  for (const [i, { name, offset, bytes }] of sections.entries()) {
    const entry = HEADER_BYTES + i * ENTRY_BYTES;
    const written = String.fromCharCode(...header.subarray(entry, entry + NAME_BYTES)).replace(/\0+$/, '');
    expect(`name of section ${i}`, JSON.stringify(written), JSON.stringify(name));
    expect(`offset of ${name}`, read(entry + NAME_BYTES), offset);
    expect(`length of ${name}`, read(entry + NAME_BYTES + 4), bytes);
  }
  return geometry;
}

/** What the kernels could not compute with, or undefined. */
function whyUnusable(geometry: ModelConfig): string | undefined {
  for (const field of FIELDS) {
    if (!Number.isSafeInteger(geometry[field]) || geometry[field] < 1)
      return `${field}: ${geometry[field]} is no count`;
    if (geometry[field] > 2 ** 24) return `${field}: ${geometry[field]} is too large`;
  }
  const { embedding_size, hidden_size, intermediate_size, num_attention_heads, num_hidden_layers, layers_stored } =
    geometry;
  for (const [field, width] of Object.entries({ embedding_size, hidden_size, intermediate_size })) {
    if (width % 8 !== 0) return `${field}: ${width} is no multiple of 8`;
  }
  const headSize = hidden_size / num_attention_heads;
  if (headSize % 8 !== 0 || headSize > MAX_HEAD_SIZE) {
    return `num_attention_heads: ${hidden_size} / ${num_attention_heads} is no multiple of 8 up to ${MAX_HEAD_SIZE}`;
  }
  const { inner_group_num: inner } = geometry;
  if (num_hidden_layers % inner !== 0) return `inner_group_num: ${inner} does not divide num_hidden_layers`;
  if (layers_stored % inner !== 0 || layers_stored > num_hidden_layers) {
    return `layers_stored: ${layers_stored} is no multiple of ${inner} up to num_hidden_layers, ${num_hidden_layers}`;
  }
  for (const width of geometry.layer_bits === 4 ? [hidden_size, intermediate_size] : []) {
    if (width % STEP_INPUTS !== 0) return `layer bits: 4 want multiples of ${STEP_INPUTS}, and a width is ${width}`;
  }
  if (!geometry.projection && embedding_size !== hidden_size) {
    return `embedding_size: ${embedding_size} is not hidden_size, ${hidden_size}, and there is no projection`;
  }
  const { layer_norm_eps: epsilon } = geometry;
  if (!(epsilon > 0 && epsilon < 1)) return `layer_norm_eps: ${epsilon} is not between 0 and 1`;
  // Before the sections are listed, there may be too many of them to list.
  const perLayer = 26;
  if (HEADER_BYTES + layers_stored * perLayer * ENTRY_BYTES > MAX_HEADER_BYTES) {
    return `layers_stored: ${layers_stored} is too many`;
  }
  const { totalBytes } = layoutSections(geometry);
  return totalBytes > MAX_BLOB_BYTES ? `total bytes: ${totalBytes} is more than ${MAX_BLOB_BYTES}` : undefined;
}
