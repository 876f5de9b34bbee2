/**
 * The layout of the one flat memory. Nothing is allocated after `prepare`, and nothing is ever freed.
 *
 *   0 … __heap_base      a tile of products, and what the compiler keeps
 *   blob                 the model file as it was read: header, section table, sections (src/inference/efm-format.ts)
 *   rows                 activations, laid out by `prepare`
 *
 * Letters for sizes, here and in the other files:
 *
 *   V vocabulary   E embedding   H hidden   F feed-forward   L layers   A heads   D head size
 *   Q the queries of all heads, A × D; keys and values likewise
 *   E, H, F, D and Q are rounded up to whole steps (`widthsOf` in src/inference/efm-format.ts); channels beyond a size are zeros
 *   R rows: tokens of all texts of a run, end to end; at most CAPACITY, the model's positions rounded up to 8
 *   slots: a text's keys begin at a multiple of 8, so that they can be read eight at a time
 */

import {
  DECODER,
  DECODER_SECTIONS,
  ENTRY_BYTES,
  ENTRY_OFFSET,
  FLAG_DECODER,
  FLAG_FOUR_BITS,
  FLAG_GELU_HEAD,
  FLAG_MLM_REST,
  FLAG_PROJECTION,
  FLAG_RELU,
  FLAG_SENTENCE,
  FLAG_SILU,
  FLAG_TANH,
  INPUT_OUTPUT,
  INPUT_QUERY_KEY_VALUE,
  LAYER_SECTIONS,
  OFFSET_EMBEDDING_SIZE,
  OFFSET_EPSILON,
  OFFSET_FLAGS,
  OFFSET_HIDDEN_SIZE,
  OFFSET_INTERMEDIATE_SIZE,
  OFFSET_LAYERS_STORED,
  OFFSET_MAX_POSITION_EMBEDDINGS,
  OFFSET_NUM_ATTENTION_HEADS,
  OFFSET_OUTLIERS,
  OFFSET_POSITION_OFFSET,
  OFFSET_TOTAL_BYTES,
  OFFSET_TYPE_VOCAB_SIZE,
  OFFSET_VOCAB_SIZE,
  OUTLIER_BYTES,
  PROJECTION,
  PROJECTION_SECTIONS,
  SENTENCE_SECTIONS,
  STEP_INPUTS,
  SWAPS,
  WORDS,
} from '../.build/efm-constants';

/** Whether this is the build that uses relaxed SIMD. */
export const relaxedSimd: bool = ASC_FEATURE_RELAXED_SIMD;

/** Whether the host multiplies and adds fours in one instruction; `prepare` finds out, and a caller may change it. */
export let fusedDot: bool = false;

/** Bytes of one quantized activation: the plain build multiplies 16-bit lanes. */
export const ACTIVATION_BYTES: i32 = ASC_FEATURE_RELAXED_SIMD ? 1 : 2;

/** Bytes of a row's scale and minimum, twice: of the main channels and of the outliers. */
export const SCALE_BYTES: i32 = 16;

/** Rows that go through a layer together: their activations stay in the second-level cache while the weights pass. */
export const BLOCK: i32 = 64;

/** Masks whose logits are computed together. */
export const LOGIT_ROWS: i32 = 8;

export let V: i32 = 0;
export let E: i32 = 0;
export let H: i32 = 0;
export let F: i32 = 0;
export let A: i32 = 0;
export let D: i32 = 0;
export let Q: i32 = 0;
/** Of a row of E and of H: the channels that a norm counts. */
export let embeddingSize: i32 = 0;
export let hiddenSize: i32 = 0;
export let CAPACITY: i32 = 0;
/** V rounded up to 8: the width of a row of logits. */
export let LOGITS_WIDTH: i32 = 0;
export let TYPE_COUNT: i32 = 0;
export let POSITION_COUNT: i32 = 0;
/** The id of tokens that have the last position row and no number, or -1. */
export let PADDING_ID: i32 = -1;
export let hasProjection: bool = false;
export let hasSentence: bool = false;
/** One of the flags, or 0 for GELU by erf: of the layers, and of the MLM head. */
export let activation: i32 = 0;
export let headActivation: i32 = 0;
/** Whether the weights of the layers have 4 bits. */
export let fourBits: bool = false;
export let hasMlmRest: bool = false;
let hasDecoder: bool = false;
export let epsilon: f32 = 0;
let layersStored: i32 = 0;
let table: usize = 0;

/** (R,) i32 each: what the caller writes before a run. */
export let inputIds: usize = 0;
export let tokenTypeIds: usize = 0;
/** (texts + 1,) i32: the row where each text begins, and the number of rows. */
export let starts: usize = 0;
/** Ascending rows that the heads read, i32, and (texts + 1,) where each text's begin in that list. */
export let selection: usize = 0;
export let selectionStarts: usize = 0;
/** (masks,) i32: rows for the MLM head, counted in the selection. */
export let masked: usize = 0;

/** (R, H) f32: the hidden states between layers. */
export let hidden: usize = 0;
/** Quantized (R, H) and outliers, packed for `matmul`, and two scales and minima for each row. */
export let quantized: usize = 0;
export let quantizedScales: usize = 0;
/** (R,) i32: the slot of each row's key. */
export let slots: usize = 0;
/** (A, CAPACITY / 8, D / 2, 8, 2) i16 and (A, CAPACITY) f32: keys and their scales. */
export let keys: usize = 0;
export let keyScales: usize = 0;
/** (A, D / 8, CAPACITY / 2, 8, 2) i16 and (A, CAPACITY) f32 */
export let values: usize = 0;
export let valueScales: usize = 0;
/** (BLOCK, max(F, 2 Q, H, E)) f32 and (BLOCK, max(Q, H, E)) f32: activations between two products. */
export let wide: usize = 0;
export let narrow: usize = 0;
/** Quantized (BLOCK, max(F, 2 Q, 2 H, 2 E)) and outliers, with room for two rows for each, and their scales and minima. */
export let quantizedBlock: usize = 0;
export let quantizedBlockScales: usize = 0;
/** For four queries of one head: (D / 2, 4, 2) i16; (4, CAPACITY) f32; (CAPACITY / 2, 4, 2) i16 */
export let fourQueries: usize = 0;
export let fourScores: usize = 0;
export let fourWeights: usize = 0;
/** (LOGIT_ROWS, LOGITS_WIDTH) f32 */
export let logits: usize = 0;
/** (LOGIT_ROWS, 2) f64: the largest logit of each row, and Σ e^(logit − largest) */
export let logSumExpParts: usize = 0;
/** (2,) f32 */
export let sentenceLogits: usize = 0;

/** (K / 4, 8, 4) int8: eight unpacked columns of a matrix with 4 bits. */
export let unpacked: usize = 0;

/** (max(F, Q, H),) f32: a row before it is quantized. */
export let rowBuffer: usize = 0;

/** (4, 8) i32: the result of an inner loop. */
export const tile: usize = memory.data(128, 16);
/** (8, 8) i32: its result for the outliers of four rows, upper and lower seven bits. */
export const outlierTile: usize = memory.data(256, 16);

const ALIGNMENT: usize = 64;

// @ts-ignore: decorator
@inline
function align(address: usize): usize {
  return (address + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

/** Where the caller puts the model file. */
export function blobStart(): usize {
  return align(__heap_base);
}

/** The address of a section of the blob. */
export function section(index: i32): usize {
  return blobStart() + load<u32>(table + index * ENTRY_BYTES + ENTRY_OFFSET);
}

/** Of a stored layer, the first section. */
export function layerSection(layer: i32): i32 {
  return PROJECTION + (hasProjection ? PROJECTION_SECTIONS : 0) + layer * LAYER_SECTIONS;
}

/** How many outlier channels an input of a stored layer has. */
export function outlierCount(layer: i32, input: i32): i32 {
  return load<i32>(blobStart() + OFFSET_OUTLIERS + layer * OUTLIER_BYTES + input * 4);
}

/** The largest count of an input in any layer. */
function mostOutliers(input: i32): i32 {
  let most = 0;
  for (let layer = 0; layer < layersStored; layer++) most = max(most, outlierCount(layer, input));
  return most;
}

/** (outlierCount,) i32: channel i of the input changes places with channel swaps[i], for i = 0, 1, … */
export function swapsOf(layer: i32, input: i32): usize {
  return section(layerSection(layer) + SWAPS + input);
}

export function headSection(): i32 {
  return layerSection(layersStored);
}

/** (V, E): the words, unless the head has its own decoder. */
export function decoderSection(): i32 {
  return hasDecoder ? headSection() + DECODER : WORDS;
}

/** The pooler's matrix, then the classifier's weights and biases. */
export function poolerSection(): i32 {
  return headSection() + DECODER + (hasDecoder ? DECODER_SECTIONS : 0);
}

/** What the rounding of the MLM head's dense matrix leaves. */
export function mlmRestSection(): i32 {
  return poolerSection() + (hasSentence ? SENTENCE_SECTIONS : 0);
}

// @ts-ignore: decorator
@inline
function roundUp(size: i32, step: i32): i32 {
  return ((size + step - 1) / step) * step;
}

let end: usize = 0;

function place(bytes: i32): usize {
  const start = align(end);
  end = start + bytes;
  return start;
}

/**
 * Reads the header of the blob, which the caller has checked, and lays out the rest of the memory after it.
 * @returns false when the memory cannot be grown that far
 */
export function prepare(): bool {
  fusedDot = hasFusedDot();
  const blob = blobStart();
  V = load<i32>(blob + OFFSET_VOCAB_SIZE);
  const flags = load<i32>(blob + OFFSET_FLAGS);
  fourBits = (flags & FLAG_FOUR_BITS) != 0;
  const step = fourBits ? STEP_INPUTS : 8;
  embeddingSize = load<i32>(blob + OFFSET_EMBEDDING_SIZE);
  hiddenSize = load<i32>(blob + OFFSET_HIDDEN_SIZE);
  A = load<i32>(blob + OFFSET_NUM_ATTENTION_HEADS);
  H = roundUp(hiddenSize, step);
  E = embeddingSize == hiddenSize ? H : roundUp(embeddingSize, 8);
  F = roundUp(load<i32>(blob + OFFSET_INTERMEDIATE_SIZE), step);
  D = roundUp(hiddenSize / A, 8);
  Q = roundUp(A * D, step);
  layersStored = load<i32>(blob + OFFSET_LAYERS_STORED);
  table = blob + OFFSET_OUTLIERS + layersStored * OUTLIER_BYTES;
  POSITION_COUNT = load<i32>(blob + OFFSET_MAX_POSITION_EMBEDDINGS);
  PADDING_ID = load<i32>(blob + OFFSET_POSITION_OFFSET) - 1;
  TYPE_COUNT = load<i32>(blob + OFFSET_TYPE_VOCAB_SIZE);
  CAPACITY = (POSITION_COUNT + 7) & ~7;
  LOGITS_WIDTH = (V + 7) & ~7;
  hasProjection = (flags & FLAG_PROJECTION) != 0;
  hasSentence = (flags & FLAG_SENTENCE) != 0;
  activation = flags & (FLAG_TANH | FLAG_RELU | FLAG_SILU);
  headActivation = flags & FLAG_GELU_HEAD ? 0 : activation;
  hasDecoder = (flags & FLAG_DECODER) != 0;
  hasMlmRest = (flags & FLAG_MLM_REST) != 0;
  epsilon = load<f32>(blob + OFFSET_EPSILON);

  end = blob + load<u32>(blob + OFFSET_TOTAL_BYTES);
  inputIds = place(CAPACITY * 4);
  tokenTypeIds = place(CAPACITY * 4);
  starts = place(CAPACITY * 4 + 4);
  selection = place(CAPACITY * 4);
  selectionStarts = place(CAPACITY * 4 + 4);
  masked = place(CAPACITY * 4);
  hidden = place(CAPACITY * H * 4);
  quantized = place(CAPACITY * (H + mostOutliers(INPUT_QUERY_KEY_VALUE)) * ACTIVATION_BYTES);
  quantizedScales = place(CAPACITY * SCALE_BYTES);
  slots = place(CAPACITY * 4);
  keys = place(CAPACITY * A * D * 2);
  keyScales = place(CAPACITY * A * 4);
  values = place(CAPACITY * A * D * 2);
  valueScales = place(CAPACITY * A * 4);
  const widest = max(max(Q, H), E);
  wide = place(BLOCK * max(max(F, 2 * Q), widest) * 4);
  narrow = place(BLOCK * widest * 4);
  quantizedBlock = place(BLOCK * max(F + mostOutliers(INPUT_OUTPUT), 2 * widest) * ACTIVATION_BYTES);
  quantizedBlockScales = place(BLOCK * SCALE_BYTES);
  rowBuffer = place(max(F, max(Q, H)) * 4);
  fourQueries = place(D * 8);
  fourScores = place(CAPACITY * 16);
  fourWeights = place(CAPACITY * 8);
  logits = place(LOGIT_ROWS * LOGITS_WIDTH * 4);
  logSumExpParts = place(LOGIT_ROWS * 16);
  sentenceLogits = place(8);
  unpacked = place(fourBits ? 8 * max(F, max(Q, H)) : 0);

  const pages = <i32>((end + 0xffff) >>> 16) - memory.size();
  return pages <= 0 || memory.grow(pages) >= 0;
}

/**
 * Whether `relaxed_dot_add` is one instruction of this host (VNNI). Other hosts of this architecture add pairs in 16 bits first, where a
 * second operand above 7 bits saturates: twice 127 × 255 becomes 32,767.
 */
function hasFusedDot(): bool {
  if (!ASC_FEATURE_RELAXED_SIMD) return false;
  // From memory, so that the compiler does not compute it.
  memory.fill(tile, 127, 16);
  memory.fill(tile + 16, 255, 16);
  const sums = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(tile), v128.load(tile, 16), i32x4.splat(0));
  return i32x4.extract_lane(sums, 0) == 4 * 127 * 255;
}
