/**
 * One layer of the encoder (Devlin et al. 2019, 3; Vaswani et al. 2017, 3.1), post-norm:
 *
 *   h = norm(x + attention(x))        x = norm(h + W₂ gelu(W₁ h))
 *
 * Keys and values of all rows first, then everything else for BLOCK rows at a time, so that what lies between two
 * products stays small. After the last layer only some rows are asked for: it computes no others.
 */
import { attend, storeKeysValues } from './attention';
import {
  ACTIVATION_BYTES,
  ATTENTION,
  ATTENTION_NORM,
  BLOCK,
  F,
  FEED_FORWARD,
  H,
  KEY_VALUE,
  OUTPUT,
  OUTPUT_NORM,
  QUERY,
  SMOOTH_FEED_FORWARD,
  SMOOTH_QUERY_KEY_VALUE,
  hidden,
  layerSection,
  narrow,
  quantized,
  quantizedBlock,
  quantizedBlockScales,
  quantizedScales,
  section,
  selection,
  selectionStarts,
  slots,
  starts,
  wide,
} from './model';
import { matmul } from './matmul';
import { addAndNormalize } from './normalize';
import { applyGelu, quantize } from './quantize';

/** `hidden`, (R, H), through the layer, in place. */
export function encode(layer: i32, texts: i32): void {
  const rows = load<i32>(starts + texts * 4);
  computeKeysValues(layer, rows);
  for (let first = 0; first < rows; first += BLOCK) attendAndFeedForward(layer, texts, starts, first, min(BLOCK, rows - first));
}

/** The same, but of the rows in `selection` alone, which then are the first of `hidden`, in that order. */
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

/** Quantizes all rows, and keeps the keys and values of each. */
function computeKeysValues(layer: i32, rows: i32): void {
  for (let first = 0; first < rows; first += BLOCK) {
    const count = min(BLOCK, rows - first);
    quantizeRows(layer, first, count);
    const matrix = layerSection(layer) + KEY_VALUE;
    matmul(quantizedFrom(first), quantizedScales + first * 8, count, H, matrix, 2 * H, wide);
    storeKeysValues(wide, first, count);
  }
}

function quantizeRows(layer: i32, first: i32, count: i32): void {
  const smoothing = section(layerSection(layer) + SMOOTH_QUERY_KEY_VALUE);
  quantize(hidden + first * H * 4, count, H, smoothing, quantizedFrom(first), quantizedScales + first * 8);
}

// @ts-ignore: decorator
@inline
function quantizedFrom(row: i32): usize {
  return quantized + row * H * ACTIVATION_BYTES;
}

/**
 * The rest of the layer for `count` rows of `hidden` from `first`.
 * @param textStarts (texts + 1,) i32: where each text begins among the rows
 */
function attendAndFeedForward(layer: i32, texts: i32, textStarts: usize, first: i32, count: i32): void {
  const sections = layerSection(layer);
  const x = hidden + first * H * 4;
  matmul(quantizedFrom(first), quantizedScales + first * 8, count, H, sections + QUERY, H, narrow);
  for (let text = 0; text < texts; text++) {
    const from = max(first, load<i32>(textStarts + text * 4));
    const to = min(first + count, load<i32>(textStarts + text * 4 + 4));
    if (from >= to) continue;
    const firstKey = load<i32>(starts + text * 4);
    const length = load<i32>(starts + text * 4 + 4) - firstKey;
    attend(narrow + (from - first) * H * 4, to - from, load<i32>(slots + firstKey * 4), length);
  }
  quantize(narrow, count, H, 0, quantizedBlock, quantizedBlockScales);
  matmul(quantizedBlock, quantizedBlockScales, count, H, sections + ATTENTION, H, wide);
  addAndNormalize(x, wide, count, H, sections + ATTENTION_NORM);

  quantize(x, count, H, section(sections + SMOOTH_FEED_FORWARD), quantizedBlock, quantizedBlockScales);
  matmul(quantizedBlock, quantizedBlockScales, count, H, sections + FEED_FORWARD, F, wide);
  applyGelu(wide, count, F);
  quantize(wide, count, F, 0, quantizedBlock, quantizedBlockScales);
  matmul(quantizedBlock, quantizedBlockScales, count, F, sections + OUTPUT, H, narrow);
  addAndNormalize(x, narrow, count, H, sections + OUTPUT_NORM);
}
