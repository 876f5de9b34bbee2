/**
 * One layer of the encoder (Devlin et al. 2019, 3; Vaswani et al. 2017, 3.1), post-norm:
 *
 *   h = norm(x + attention(x))        x = norm(h + W₂ activation(W₁ h))
 *
 * Keys and values of all rows first, then everything else for BLOCK rows at a time, so that the values between two
 * products stays small. Of the last layer only the selected rows are needed, and no others are computed.
 */
import { attend, storeKeysValues } from './attention';
import {
  ATTENTION,
  ATTENTION_NORM,
  FEED_FORWARD,
  KEY_VALUE,
  OUTPUT,
  OUTPUT_NORM,
  QUERY,
  SMOOTH_FEED_FORWARD,
  SMOOTH_QUERY_KEY_VALUE,
  INPUT_ATTENTION,
  INPUT_FEED_FORWARD,
  INPUT_OUTPUT,
  INPUT_QUERY_KEY_VALUE,
} from '../.build/efm-constants';
import {
  ACTIVATION_BYTES,
  BLOCK,
  F,
  H,
  Q,
  SCALE_BYTES,
  activation,
  hidden,
  hiddenSize,
  layerSection,
  narrow,
  outlierCount,
  quantized,
  quantizedBlock,
  quantizedBlockScales,
  quantizedScales,
  section,
  selection,
  selectionStarts,
  slots,
  starts,
  swapsOf,
  wide,
} from './model';
import { matmul } from './matmul';
import { addAndNormalize } from './normalize';
import { activate, quantize } from './quantize';

/** `hidden`, (R, H), through the layer, in place. */
export function encode(layer: i32, texts: i32): void {
  const rows = load<i32>(starts + texts * 4);
  computeKeysValues(layer, rows);
  for (let first = 0; first < rows; first += BLOCK) attendAndFeedForward(layer, texts, starts, first, min(BLOCK, rows - first));
}

/** The same for the rows in `selection` only. They become the first rows of `hidden`, in that order. */
export function encodeSelected(layer: i32, texts: i32): void {
  computeKeysValues(layer, load<i32>(starts + texts * 4));
  const rows = load<i32>(selectionStarts + texts * 4);
  const bytes = H * 4;
  let before = -1;
  for (let i = 0; i < rows; i++) {
    const row = load<i32>(selection + i * 4);
    if (row <= before) unreachable();
    before = row;
    memory.copy(hidden + i * bytes, hidden + row * bytes, bytes);
  }
  for (let first = 0; first < rows; first += BLOCK) {
    const count = min(BLOCK, rows - first);
    quantizeRows(layer, first, count);
    attendAndFeedForward(layer, texts, selectionStarts, first, count);
  }
}

/** Quantizes all rows, and stores the keys and values of each. */
function computeKeysValues(layer: i32, rows: i32): void {
  const outliers = outlierCount(layer, INPUT_QUERY_KEY_VALUE);
  const matrix = layerSection(layer) + KEY_VALUE;
  for (let first = 0; first < rows; first += BLOCK) {
    const count = min(BLOCK, rows - first);
    quantizeRows(layer, first, count);
    const scales = quantizedScales + first * SCALE_BYTES;
    matmul(quantizedFrom(first, outliers), scales, count, H, outliers, matrix, 2 * Q, wide);
    storeKeysValues(wide, first, count);
  }
}

function quantizeRows(layer: i32, first: i32, count: i32): void {
  const smoothing = section(layerSection(layer) + SMOOTH_QUERY_KEY_VALUE);
  const outliers = outlierCount(layer, INPUT_QUERY_KEY_VALUE);
  const swaps = swapsOf(layer, INPUT_QUERY_KEY_VALUE);
  const scales = quantizedScales + first * SCALE_BYTES;
  quantize(hidden + first * H * 4, count, H, smoothing, swaps, outliers, quantizedFrom(first, outliers), scales);
}

// @ts-ignore: decorator
@inline
function quantizedFrom(row: i32, outliers: i32): usize {
  return quantized + row * (H + outliers) * ACTIVATION_BYTES;
}

/**
 * The rest of the layer for `count` rows of `hidden` from `first`.
 * @param textStarts (texts + 1,) i32: where each text begins among the rows
 */
function attendAndFeedForward(layer: i32, texts: i32, textStarts: usize, first: i32, count: i32): void {
  const sections = layerSection(layer);
  const x = hidden + first * H * 4;
  const outliers = outlierCount(layer, INPUT_QUERY_KEY_VALUE);
  const scales = quantizedScales + first * SCALE_BYTES;
  matmul(quantizedFrom(first, outliers), scales, count, H, outliers, sections + QUERY, Q, narrow);
  for (let text = 0; text < texts; text++) {
    const from = max(first, load<i32>(textStarts + text * 4));
    const to = min(first + count, load<i32>(textStarts + text * 4 + 4));
    if (from >= to) continue;
    const firstKey = load<i32>(starts + text * 4);
    const length = load<i32>(starts + text * 4 + 4) - firstKey;
    attend(narrow + (from - first) * Q * 4, to - from, load<i32>(slots + firstKey * 4), length);
  }
  project(layer, INPUT_ATTENTION, narrow, count, Q, 0, sections + ATTENTION, H, wide);
  addAndNormalize(x, wide, count, H, hiddenSize, sections + ATTENTION_NORM);

  const smoothing = section(sections + SMOOTH_FEED_FORWARD);
  project(layer, INPUT_FEED_FORWARD, x, count, H, smoothing, sections + FEED_FORWARD, F, wide);
  activate(wide, count, F, activation);
  project(layer, INPUT_OUTPUT, wide, count, F, 0, sections + OUTPUT, H, narrow);
  addAndNormalize(x, narrow, count, H, hiddenSize, sections + OUTPUT_NORM);
}

/** Quantizes one block of an input and multiplies it by its matrix. @param x (count, K) f32 @param out (count, N) f32 */
function project(
  layer: i32,
  input: i32,
  x: usize,
  count: i32,
  K: i32,
  smoothing: usize,
  matrix: i32,
  N: i32,
  out: usize,
): void {
  const outliers = outlierCount(layer, input);
  quantize(x, count, K, smoothing, swapsOf(layer, input), outliers, quantizedBlock, quantizedBlockScales);
  matmul(quantizedBlock, quantizedBlockScales, count, K, outliers, matrix, N, out);
}
