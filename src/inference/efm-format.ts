/**
 * The file that the engine reads, `model.efm`. Everything has the order and the form in which the kernels use it, so loading
 * is one copy. Little-endian.
 *
 *   header      96 bytes of fields, see `AT`
 *   outliers    (layers_stored, 4) u32: how many input channels of each matrix have 14 bits, see `OUTLIER_INPUTS`
 *   table       for each section 44 bytes: its name (36 bytes of ASCII, padded with zeros), offset and length (u32)
 *   sections    each at a multiple of 64
 *
 * The header determines which sections there are, their lengths and their offsets. The table repeats this, and a file
 * whose table differs is refused. No I/O.
 */

/** GELU by erf, GELU by tanh, or another function; names as in `config.json` of transformers. */
export type Activation = 'gelu' | 'gelu_new' | 'relu' | 'silu';

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
  /** If not 0: texts are numbered without padding tokens, whose id is one less and whose position row comes last (RoBERTa). */
  readonly position_offset: number;
  /** Stored layers that are applied as one. */
  readonly inner_group_num: number;
  readonly layer_norm_eps: number;
  /** Whether embeddings are projected to the hidden size (ALBERT), even if that is the same. */
  readonly projection: boolean;
  /** Whether there is a sentence-order or next-sentence head. */
  readonly sentence: boolean;
  readonly activation: Activation;
  /** Of the MLM head: that of the layers, or GELU whatever they have (RoBERTa, ELECTRA). */
  readonly head_activation: Activation;
  /** Whether the MLM head has its own decoder, other than the words. */
  readonly decoder: boolean;
  /** Whether the dense matrix of the MLM head has a second one in 8 bits: what the rounding of the first leaves. */
  readonly mlm_rest: boolean;
  /** Of the weights in the layers; all others have 8. */
  readonly layer_bits: 4 | 8;
  /** (layers_stored,): how many outlier channels each input has. */
  readonly outliers: readonly LayerOutliers[];
}

/** The inputs of a layer's matrices. The query, key and value matrices share one. */
export const OUTLIER_INPUTS = ['query_key_value', 'attention', 'feed_forward', 'output'] as const;
export type OutlierInput = (typeof OUTLIER_INPUTS)[number];
/**
 * Outlier channels come first in a matrix. They are quantized to 14 bits with a scale of their own, and the other channels
 * to 7 bits. A count is a multiple of 8, or of 32 where the other weights have 4 bits.
 */
export type LayerOutliers = Readonly<Record<OutlierInput, number>>;
export const NO_OUTLIERS: LayerOutliers = { query_key_value: 0, attention: 0, feed_forward: 0, output: 0 };
/** 1024 × 127 × 16383 is the largest multiple of the step that an i32 can sum. */
export const MAX_OUTLIERS = 1024;

export interface Section {
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
}

/** A file that the engine cannot read; the message names the field. */
export class BlobError extends Error {
  override readonly name = 'BlobError';
}

const BLOB_VERSION = 4;
/** 'efm' and a zero, in the order of the file. */
const MAGIC = 0x006d6665;
const BYTE_ORDER = 0x01020304;
const HEADER_BYTES = 96;
const NAME_BYTES = 36;
const ENTRY_BYTES = NAME_BYTES + 8;
const ALIGNMENT = 64;
/** Header and table of 48 layers, twice what any of these models has. Bounds how much is read before a corrupt header is refused. */
export const MAX_HEADER_BYTES = 80 * 1024;
/** WASM addresses 4 GiB, an isolate has 128 MB. */
const MAX_BLOB_BYTES = 2 ** 30;
/** Attention adds up head-size products of 2 × 12 bits in 32. */
export const MAX_HEAD_SIZE = 128;

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
const FLAGS = {
  projection: 1,
  sentence: 2,
  tanh: 4,
  decoder: 8,
  four_bits: 16,
  mlm_rest: 32,
  relu: 64,
  silu: 128,
  gelu_head: 256,
} as const;
const KNOWN_FLAGS = 511;
/** Of each activation, the flag; GELU by erf has none. */
const ACTIVATION_FLAGS: Readonly<Record<Activation, number>> = {
  gelu: 0,
  gelu_new: FLAGS.tanh,
  relu: FLAGS.relu,
  silu: FLAGS.silu,
};

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
  positionOffset: 72,
};

const align = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
/** Inputs that share a step where weights have 4 bits. */
export const STEP_INPUTS = 32;

/** The channels of an input of a layer. */
export const inputWidth = ({ attention, hidden, intermediate }: Widths, input: OutlierInput): number =>
  input === 'attention' ? attention : input === 'output' ? intermediate : hidden;

const SECTIONS_PER_LAYER = 35;

/** Rows of the position table: one for each position, and one for padding tokens where they have their own. */
export const positionRows = ({
  max_position_embeddings,
  position_offset,
}: Pick<ModelConfig, 'max_position_embeddings' | 'position_offset'>): number =>
  max_position_embeddings + (position_offset > 0 ? 1 : 0);

const roundUp = (width: number, step: number): number => Math.ceil(width / step) * step;
/** The width of a matrix in the file. */
export const padTo8 = (width: number): number => roundUp(width, 8);

type Sizes = Pick<ModelConfig, 'embedding_size' | 'hidden_size' | 'intermediate_size' | 'num_attention_heads'>;

/** The widths of rows and matrices in the engine. */
export interface Widths {
  readonly embedding: number;
  readonly hidden: number;
  readonly intermediate: number;
  /** The channels of a head. */
  readonly head: number;
  /** The queries of all heads; keys and values likewise. */
  readonly attention: number;
}

/**
 * The engine reads whole steps, so that each size of a model is rounded up to one. Channels beyond the size are zeros: they add nothing to a
 * product, and a norm does not count them.
 */
export function widthsOf(
  { embedding_size, hidden_size, intermediate_size, num_attention_heads }: Sizes,
  layer_bits: 4 | 8 = 8,
): Widths {
  const step = layer_bits === 4 ? STEP_INPUTS : 8;
  const head = padTo8(hidden_size / num_attention_heads);
  const hidden = roundUp(hidden_size, step);
  return {
    embedding: embedding_size === hidden_size ? hidden : padTo8(embedding_size),
    hidden,
    intermediate: roundUp(intermediate_size, step),
    head,
    attention: roundUp(num_attention_heads * head, step),
  };
}

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
 * Every section of a file of this geometry, in order, as wide as `widthsOf` says. A matrix (inputs K, outputs N rounded up to 8) is four:
 * `weight` (N / 8, K / 4, 8, 4) int8; `scale`, `sum` (scale × Σ weight) and `bias`, (N,) float32. A matrix of a layer has K₁
 * outlier channels in front: `sum` is that of the others, and a fifth section, `outlier_sum`, is that of the outliers. With
 * 4 bits, `weight` is (N / 8) × [(K₁ / 4, 8, 4) int8, (K₂ / 8, 8, 4) bytes, (K₂ / 32, 8) uint8], where K₂ = K − K₁: see
 * models/quantization/int4.ts. `swaps`, (K₁,) u32, permutes an input: channel i changes places with channel swaps[i], for
 * i = 0, 1, ….
 */
export function layoutSections(geometry: ModelConfig): {
  sections: Section[];
  headerBytes: number;
  totalBytes: number;
} {
  const { vocab_size: V } = geometry;
  const { embedding: E, hidden: H, intermediate: F, attention: Q } = widthsOf(geometry, geometry.layer_bits);
  const sizes: [name: string, bytes: number][] = [];
  const floats = (name: string, count: number) => sizes.push([name, 4 * count]);
  const matrix = (name: string, inputs: number, outputs: number) => {
    const width = padTo8(outputs);
    sizes.push([`${name}.weight`, inputs * width]);
    for (const part of ['scale', 'sum', 'bias']) floats(`${name}.${part}`, width);
  };
  const layerMatrix = (name: string, inputs: number, outputs: number, outliers: number) => {
    const others = inputs - outliers;
    const bytes = geometry.layer_bits === 4 ? others / 2 + others / STEP_INPUTS : others;
    sizes.push([`${name}.weight`, (outliers + bytes) * outputs]);
    for (const part of ['scale', 'sum', 'bias', 'outlier_sum']) floats(`${name}.${part}`, outputs);
  };
  const norm = (name: string, width: number) => {
    floats(`${name}.gamma`, width);
    floats(`${name}.beta`, width);
  };

  matrix('words', E, V);
  floats('positions', positionRows(geometry) * E);
  floats('types', geometry.type_vocab_size * E);
  norm('embeddings', E);
  if (geometry.projection) matrix('projection', E, H);
  for (const [layer, outliers] of geometry.outliers.entries()) {
    const name = (part: string) => `layer.${layer}.${part}`;
    layerMatrix(name('query'), H, Q, outliers.query_key_value);
    layerMatrix(name('key_value'), H, 2 * Q, outliers.query_key_value);
    layerMatrix(name('attention'), Q, H, outliers.attention);
    norm(name('attention'), H);
    layerMatrix(name('feed_forward'), H, F, outliers.feed_forward);
    layerMatrix(name('output'), F, H, outliers.output);
    norm(name('output'), H);
    floats(name('smooth_attention'), H);
    floats(name('smooth_feed_forward'), H);
    for (const input of OUTLIER_INPUTS) floats(`${name(input)}.swaps`, outliers[input]);
  }
  matrix('mlm', H, E);
  norm('mlm', E);
  if (geometry.decoder) matrix('decoder', E, V);
  if (geometry.sentence) {
    matrix('pooler', H, H);
    floats('sentence.weight', 2 * H);
    floats('sentence.bias', 2);
  }
  if (geometry.mlm_rest) matrix('mlm_rest', H, E);

  const headerBytes = align(tableOffset(geometry.layers_stored) + sizes.length * ENTRY_BYTES);
  let end = headerBytes;
  const sections = sizes.map(([name, bytes]) => {
    const offset = end;
    end = align(offset + bytes);
    return { name, offset, bytes };
  });
  return { sections, headerBytes, totalBytes: end };
}

const OUTLIER_BYTES = 4 * OUTLIER_INPUTS.length;
const tableOffset = (layers_stored: number): number => HEADER_BYTES + layers_stored * OUTLIER_BYTES;

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
      ACTIVATION_FLAGS[geometry.activation] |
      (geometry.head_activation === geometry.activation ? 0 : FLAGS.gelu_head) |
      (geometry.decoder ? FLAGS.decoder : 0) |
      (geometry.layer_bits === 4 ? FLAGS.four_bits : 0) |
      (geometry.mlm_rest ? FLAGS.mlm_rest : 0),
  );
  view.setFloat32(AT.epsilon, geometry.layer_norm_eps, true);
  write(AT.positionOffset, geometry.position_offset);
  for (const [i, outliers] of geometry.outliers.entries()) {
    for (const [j, input] of OUTLIER_INPUTS.entries()) write(HEADER_BYTES + i * OUTLIER_BYTES + 4 * j, outliers[input]);
  }
  for (const [i, { name, offset, bytes }] of sections.entries()) {
    const entry = tableOffset(geometry.layers_stored) + i * ENTRY_BYTES;
    const { read } = new TextEncoder().encodeInto(name, blob.subarray(entry, entry + NAME_BYTES));
    if (read < name.length) throw new RangeError(`the name of section ${name} has more than ${NAME_BYTES} bytes`);
    write(entry + NAME_BYTES, offset);
    write(entry + NAME_BYTES + 4, bytes);
  }
  return { blob, sections };
}

/**
 * How many bytes `readHeader` wants, going by the bytes that there are: with too few to say, so many that it can be said.
 * @throws {BlobError} if it is not such a file, or has another version or byte order
 */
export function headerBytesOf(start: Uint8Array): number {
  if (start.length < AT.fields) return AT.fields;
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const read = (at: number) => view.getUint32(at, true);
  if (read(AT.magic) !== MAGIC) throw new BlobError('magic: this is not a model.efm');
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
  const ofActivation = flags & (FLAGS.tanh | FLAGS.relu | FLAGS.silu);
  const activation = (Object.keys(ACTIVATION_FLAGS) as Activation[]).find(
    (name) => ACTIVATION_FLAGS[name] === ofActivation,
  );
  if (!activation) throw new BlobError(`flags: ${flags} names more than one activation`);
  const sizes = Object.fromEntries(FIELDS.map((field, i) => [field, read(AT.fields + 4 * i)])) as Record<
    (typeof FIELDS)[number],
    number
  >;
  // More are refused below; counts that a header of the wrong length has no room for are read as 0.
  const layers = Math.min(sizes.layers_stored, MAX_HEADER_BYTES / OUTLIER_BYTES);
  const count = (at: number) => (at + 4 <= header.length ? read(at) : 0);
  const geometry: ModelConfig = {
    ...sizes,
    layer_norm_eps: view.getFloat32(AT.epsilon, true),
    position_offset: read(AT.positionOffset),
    projection: (flags & FLAGS.projection) !== 0,
    sentence: (flags & FLAGS.sentence) !== 0,
    activation,
    head_activation: flags & FLAGS.gelu_head ? 'gelu' : activation,
    decoder: (flags & FLAGS.decoder) !== 0,
    mlm_rest: (flags & FLAGS.mlm_rest) !== 0,
    layer_bits: flags & FLAGS.four_bits ? 4 : 8,
    outliers: Array.from({ length: layers }, (_, i) => {
      const counts = OUTLIER_INPUTS.map(
        (input, j) => [input, count(HEADER_BYTES + i * OUTLIER_BYTES + 4 * j)] as const,
      );
      return Object.fromEntries(counts) as LayerOutliers;
    }),
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
    const entry = tableOffset(geometry.layers_stored) + i * ENTRY_BYTES;
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
      return `${field}: ${geometry[field]} is not a count`;
    if (geometry[field] > 2 ** 24) return `${field}: ${geometry[field]} is too large`;
  }
  const { embedding_size, hidden_size, num_attention_heads, num_hidden_layers, layers_stored } = geometry;
  const headSize = hidden_size / num_attention_heads;
  if (!Number.isInteger(headSize) || headSize > MAX_HEAD_SIZE) {
    return `num_attention_heads: ${hidden_size} / ${num_attention_heads} is not a whole number up to ${MAX_HEAD_SIZE}`;
  }
  if (geometry.head_activation !== geometry.activation && geometry.head_activation !== 'gelu') {
    return `head_activation: ${geometry.head_activation} is neither gelu nor that of the layers, ${geometry.activation}`;
  }
  const { inner_group_num: inner } = geometry;
  if (num_hidden_layers % inner !== 0) return `inner_group_num: ${inner} does not divide num_hidden_layers`;
  if (layers_stored % inner !== 0 || layers_stored > num_hidden_layers) {
    return `layers_stored: ${layers_stored} is not a multiple of ${inner} up to num_hidden_layers, ${num_hidden_layers}`;
  }
  if (!geometry.projection && embedding_size !== hidden_size) {
    return `embedding_size: ${embedding_size} is not hidden_size, ${hidden_size}, and there is no projection`;
  }
  const { layer_norm_eps: epsilon } = geometry;
  if (!(epsilon > 0 && epsilon < 1)) return `layer_norm_eps: ${epsilon} is not between 0 and 1`;
  // Checked before the sections are listed, since there may be too many to list.
  if (tableOffset(layers_stored) + layers_stored * SECTIONS_PER_LAYER * ENTRY_BYTES > MAX_HEADER_BYTES) {
    return `layers_stored: ${layers_stored} is too many`;
  }
  if (geometry.outliers.length !== layers_stored) return `outliers: there are not as many as layers_stored`;
  const step = geometry.layer_bits === 4 ? STEP_INPUTS : 8;
  const widths = widthsOf(geometry, geometry.layer_bits);
  for (const layer of geometry.outliers) {
    for (const input of OUTLIER_INPUTS) {
      const width = inputWidth(widths, input);
      const count = layer[input];
      if (count % step !== 0 || count > Math.min(width - step, MAX_OUTLIERS)) {
        return `outliers: ${count} of ${input} is not a multiple of ${step} up to ${Math.min(width - step, MAX_OUTLIERS)}`;
      }
    }
  }
  const { totalBytes } = layoutSections(geometry);
  return totalBytes > MAX_BLOB_BYTES ? `total bytes: ${totalBytes} is more than ${MAX_BLOB_BYTES}` : undefined;
}

/**
 * What the kernels know of this file: offsets in the header, flags, and section numbers. Those of a layer count from its
 * first section, those of the heads from the first one after the layers. Compiled into the kernels (compile-kernels.ts).
 */
export function kernelConstants(): Readonly<Record<string, number>> {
  const { sections } = layoutSections({
    vocab_size: 8,
    embedding_size: 8,
    hidden_size: 8,
    intermediate_size: 8,
    num_hidden_layers: 1,
    layers_stored: 1,
    num_attention_heads: 1,
    max_position_embeddings: 8,
    type_vocab_size: 1,
    position_offset: 0,
    inner_group_num: 1,
    layer_norm_eps: 0.1,
    projection: true,
    sentence: true,
    activation: 'gelu',
    head_activation: 'gelu',
    decoder: true,
    mlm_rest: true,
    layer_bits: 8,
    outliers: [NO_OUTLIERS],
  });
  const index = (name: string) => sections.findIndex((section) => section.name === name);
  const layer = (name: string) => index(`layer.0.${name}`) - index('layer.0.query.weight');
  const head = (name: string) => index(name) - index('mlm.weight');
  return {
    ...Object.fromEntries(FIELDS.map((field, i) => [`OFFSET_${field.toUpperCase()}`, AT.fields + 4 * i])),
    OFFSET_FLAGS: AT.flags,
    OFFSET_EPSILON: AT.epsilon,
    OFFSET_POSITION_OFFSET: AT.positionOffset,
    OFFSET_TOTAL_BYTES: AT.total,
    OFFSET_OUTLIERS: HEADER_BYTES,
    OUTLIER_BYTES,
    ENTRY_BYTES,
    ENTRY_OFFSET: NAME_BYTES,
    ...Object.fromEntries(Object.entries(FLAGS).map(([flag, bit]) => [`FLAG_${flag.toUpperCase()}`, bit])),
    STEP_INPUTS,
    WORDS: index('words.weight'),
    POSITION_ROWS: index('positions'),
    TYPE_ROWS: index('types'),
    EMBEDDING_NORM: index('embeddings.gamma'),
    PROJECTION: index('projection.weight'),
    PROJECTION_SECTIONS: index('layer.0.query.weight') - index('projection.weight'),
    LAYER_SECTIONS: index('mlm.weight') - index('layer.0.query.weight'),
    QUERY: layer('query.weight'),
    KEY_VALUE: layer('key_value.weight'),
    ATTENTION: layer('attention.weight'),
    ATTENTION_NORM: layer('attention.gamma'),
    FEED_FORWARD: layer('feed_forward.weight'),
    OUTPUT: layer('output.weight'),
    OUTPUT_NORM: layer('output.gamma'),
    SMOOTH_QUERY_KEY_VALUE: layer('smooth_attention'),
    SMOOTH_FEED_FORWARD: layer('smooth_feed_forward'),
    SWAPS: layer('query_key_value.swaps'),
    ...Object.fromEntries(OUTLIER_INPUTS.map((input, i) => [`INPUT_${input.toUpperCase()}`, i])),
    MLM: head('mlm.weight'),
    MLM_NORM: head('mlm.gamma'),
    DECODER: head('decoder.weight'),
    DECODER_SECTIONS: head('pooler.weight') - head('decoder.weight'),
    SENTENCE_SECTIONS: head('mlm_rest.weight') - head('pooler.weight'),
  };
}
