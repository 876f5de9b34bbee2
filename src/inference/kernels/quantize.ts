/**
 * Activations to whole numbers, a scale and a minimum for each row (token): x ≈ minimum + scale × q.
 *
 * With 7 bits, q in 0 … 127, relaxed SIMD gives the same result on every machine. 14 bits are q = 128 coarse + fine: two rows
 * for one, multiplied by the same weights. Outlier channels have 14 bits, and a scale and a minimum of their own.
 *
 * Packed for `gemmTileI8` as (rows / 4, K / 4, 4 rows, 4). Rows up to the next multiple of four are zeros. Where K₁ channels
 * are outliers, a group of four rows is ((K − K₁) / 4, 4 rows, 4), then twice (K₁ / 4, 4, 4) for two rows each: upper and
 * lower seven bits of the first, then of the second.
 */
import { FLAG_RELU, FLAG_SILU, FLAG_TANH } from '../.build/efm-constants';
import { geluByErf, geluByTanh, hmax, hmin, inverseScale, relu, silu } from './math';
import { ACTIVATION_BYTES, SCALE_BYTES, rowBuffer } from './model';

/** 2²³: adding it to a smaller number leaves the rounded integer in the low bits. */
const ROUNDER: f32 = 8388608;
/** Bytes from four activations of a row to its next four. */
const NEXT: i32 = 16 * ACTIVATION_BYTES;

/**
 * @param x (rows, K) f32
 * @param smoothing (K,) f32, what each channel is multiplied by first; or 0 for nothing
 * @param swaps (outliers,) i32: the channels that change places with the first ones
 * @param outliers K₁, how many channels then are outliers
 * @param out packed q
 * @param scales (rows, 4) f32: scale and minimum, of the main channels and of the outliers
 */
export function quantize(
  x: usize,
  rows: i32,
  K: i32,
  smoothing: usize,
  swaps: usize,
  outliers: i32,
  out: usize,
  scales: usize,
): void {
  const main = K - outliers;
  const groupBytes = (K + outliers) * 4 * ACTIVATION_BYTES;
  for (let row = 0; row < rows; row++) {
    const group = out + (row >> 2) * groupBytes;
    if (!(row & 3) && row + 4 > rows) clearGroup(group, groupBytes, scales + row * SCALE_BYTES);
    const from = prepare(x + row * K * 4, K, smoothing, swaps, outliers);
    const scale = scales + row * SCALE_BYTES;
    findScale(from + outliers * 4, main, 127, scale);
    pack(from + outliers * 4, main, 127, group + (row & 3) * 4 * ACTIVATION_BYTES, 0, scale);
    if (outliers) {
      findScale(from, outliers, 16383, scale + 8);
      const coarse = group + (main * 4 + ((row >> 1) & 1) * outliers * 4 + (row & 1) * 8) * ACTIVATION_BYTES;
      pack(from, outliers, 16383, coarse, coarse + 4 * ACTIVATION_BYTES, scale + 8);
    }
  }
}

/**
 * All channels in 14 bits. @param out packed q, (2 rows, K): of each row the upper seven bits, then the lower seven
 * @param scales (rows, 4) f32, of which two are used: scale and minimum
 */
export function quantize14(x: usize, rows: i32, K: i32, out: usize, scales: usize): void {
  const groupBytes = K * 4 * ACTIVATION_BYTES;
  for (let row = 0; row < rows; row++) {
    const group = out + (row >> 1) * groupBytes;
    const scale = scales + row * SCALE_BYTES;
    if (!(row & 1) && row + 2 > rows) clearGroup(group, groupBytes, scale);
    findScale(x, K, 16383, scale);
    const coarse = group + (row & 1) * 8 * ACTIVATION_BYTES;
    pack(x, K, 16383, coarse, coarse + 4 * ACTIVATION_BYTES, scale);
    x += K * 4;
  }
}

/** Zeros a group that is not full. */
function clearGroup(group: usize, bytes: i32, scales: usize): void {
  memory.fill(group, 0, bytes);
  memory.fill(scales, 0, 4 * SCALE_BYTES);
}

/** Applies an activation to x in place; each leaves zero as it is. @param x (rows, K) f32 @param activation a flag, or 0 */
export function activate(x: usize, rows: i32, K: i32, activation: i32): void {
  const end = x + rows * K * 4;
  if (activation == FLAG_TANH) {
    for (let at = x; at < end; at += 16) v128.store(at, geluByTanh(v128.load(at)));
  } else if (activation == FLAG_RELU) {
    for (let at = x; at < end; at += 16) v128.store(at, relu(v128.load(at)));
  } else if (activation == FLAG_SILU) {
    for (let at = x; at < end; at += 16) v128.store(at, silu(v128.load(at)));
  } else {
    for (let at = x; at < end; at += 16) v128.store(at, geluByErf(v128.load(at)));
  }
}

/** @returns where the row is, smoothed, its outliers in front */
function prepare(x: usize, K: i32, smoothing: usize, swaps: usize, outliers: i32): usize {
  if (!smoothing && !outliers) return x;
  if (smoothing) {
    for (let k = 0; k < K * 4; k += 16) v128.store(rowBuffer + k, f32x4.mul(v128.load(x + k), v128.load(smoothing + k)));
  } else memory.copy(rowBuffer, x, K * 4);
  for (let i = 0; i < outliers; i++) {
    const other = rowBuffer + load<i32>(swaps + i * 4) * 4;
    const value = load<f32>(other);
    store<f32>(other, load<f32>(rowBuffer + i * 4));
    store<f32>(rowBuffer + i * 4, value);
  }
  return rowBuffer;
}

function findScale(x: usize, K: i32, steps: f32, scales: usize): void {
  let least = f32x4.splat(Infinity);
  let largest = f32x4.splat(-Infinity);
  for (let k = 0; k < K * 4; k += 16) {
    const four = v128.load(x + k);
    least = f32x4.min(least, four);
    largest = f32x4.max(largest, four);
  }
  const minimum = hmin(least);
  store<f32>(scales, (hmax(largest) - minimum) / steps);
  store<f32>(scales, minimum, 4);
}

// @ts-ignore: decorator
@inline
function pack(x: usize, K: i32, steps: f32, out: usize, fine: usize, scales: usize): void {
  const inverse = inverseScale(load<f32>(scales), 1);
  const minimum = f32x4.splat(load<f32>(scales, 4));
  for (let k = 0; k < K * 4; k += 16) {
    let four = f32x4.mul(f32x4.sub(v128.load(x + k), minimum), inverse);
    four = f32x4.min(f32x4.max(four, f32x4.splat(0)), f32x4.splat(steps));
    four = f32x4.add(four, f32x4.splat(ROUNDER));
    if (fine) {
      storeFour(fine, v128.and(four, i32x4.splat(127)));
      fine += NEXT;
      four = i32x4.shr_u(four, 7);
    }
    storeFour(out, v128.and(four, i32x4.splat(127)));
    out += NEXT;
  }
}

/** Stores four integers of one row side by side. */
// @ts-ignore: decorator
@inline
function storeFour(out: usize, q: v128): void {
  if (ASC_FEATURE_RELAXED_SIMD) v128.store32_lane(out, v128.shuffle<i8>(q, q, 0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
  else v128.store64_lane(out, v128.shuffle<i16>(q, q, 0, 2, 4, 6, 0, 0, 0, 0), 0);
}
