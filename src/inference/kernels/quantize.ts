/**
 * Activations to whole numbers, a scale and a minimum for each row (token): x ≈ minimum + scale × q.
 *
 * 7 bits, q in 0 … 127, is what relaxed SIMD multiplies alike everywhere. Where 14 bits are asked for, q = 128 coarse + fine:
 * two rows for one, which meet the same weights.
 *
 * Packed for `gemmTileI8` as (rows / 4, K / 4, 4 rows, 4). Rows up to the next multiple of four are written as zeros.
 */
import { geluByErf, geluByTanh, hmax, hmin, inverseScale } from './math';
import { ACTIVATION_BYTES, geluTanh } from './model';

/** 2²³: added to a whole number below it, leaves that in the low bits. */
const ROUNDER: f32 = 8388608;

/**
 * @param x (rows, K) f32
 * @param smoothing (K,) f32, what each column is multiplied by first; or 0 for nothing
 * @param out packed q
 * @param scales (rows, 2) f32: scale and minimum
 */
export function quantize(x: usize, rows: i32, K: i32, smoothing: usize, out: usize, scales: usize): void {
  for (let row = 0; row < rows; row++) {
    const from = x + row * K * 4;
    findScale(from, K, smoothing, 127, scales + row * 8);
    pack(from, K, smoothing, 127, place(out, row, K), 0, scales + row * 8);
  }
  packZeros(rows, K, out);
  for (let row = rows; row & 3; row++) store<u64>(scales + row * 8, 0);
}

/**
 * 14 bits. @param out packed q, (2 rows, K): of each row the upper seven bits, then the lower seven
 * @param scales (rows, 2) f32
 */
export function quantize14(x: usize, rows: i32, K: i32, out: usize, scales: usize): void {
  for (let row = 0; row < rows; row++) {
    const from = x + row * K * 4;
    findScale(from, K, 0, 16383, scales + row * 8);
    pack(from, K, 0, 16383, place(out, 2 * row, K), place(out, 2 * row + 1, K), scales + row * 8);
  }
  packZeros(2 * rows, K, out);
  if (rows & 1) store<u64>(scales + rows * 8, 0);
}

/** Applies GELU to x in place. @param x (rows, K) f32 */
export function applyGelu(x: usize, rows: i32, K: i32): void {
  const end = x + rows * K * 4;
  if (geluTanh) {
    for (let at = x; at < end; at += 16) v128.store(at, geluByTanh(v128.load(at)));
  } else {
    for (let at = x; at < end; at += 16) v128.store(at, geluByErf(v128.load(at)));
  }
}

/** Where the first four of a row go. */
// @ts-ignore: decorator
@inline
function place(out: usize, row: i32, K: i32): usize {
  return out + ((row >> 2) * K * 4 + (row & 3) * 4) * ACTIVATION_BYTES;
}

function findScale(x: usize, K: i32, smoothing: usize, steps: f32, scales: usize): void {
  let least = f32x4.splat(Infinity);
  let largest = f32x4.splat(-Infinity);
  for (let k = 0; k < K; k += 4) {
    let four = v128.load(x + k * 4);
    if (smoothing) four = f32x4.mul(four, v128.load(smoothing + k * 4));
    least = f32x4.min(least, four);
    largest = f32x4.max(largest, four);
  }
  const minimum = hmin(least);
  store<f32>(scales, (hmax(largest) - minimum) / steps);
  store<f32>(scales, minimum, 4);
}

// @ts-ignore: decorator
@inline
function pack(x: usize, K: i32, smoothing: usize, steps: f32, out: usize, fine: usize, scales: usize): void {
  const inverse = inverseScale(load<f32>(scales), 1);
  const minimum = f32x4.splat(load<f32>(scales, 4));
  for (let k = 0; k < K; k += 4) {
    let four = v128.load(x + k * 4);
    if (smoothing) four = f32x4.mul(four, v128.load(smoothing + k * 4));
    four = f32x4.mul(f32x4.sub(four, minimum), inverse);
    four = f32x4.min(f32x4.max(four, f32x4.splat(0)), f32x4.splat(steps));
    four = f32x4.add(four, f32x4.splat(ROUNDER));
    if (fine) {
      storeFour(fine, v128.and(four, i32x4.splat(127)));
      fine += 16 * ACTIVATION_BYTES;
      four = i32x4.shr_u(four, 7);
    }
    storeFour(out, v128.and(four, i32x4.splat(127)));
    out += 16 * ACTIVATION_BYTES;
  }
}

/** Four whole numbers of one row, side by side. */
// @ts-ignore: decorator
@inline
function storeFour(out: usize, q: v128): void {
  if (ASC_FEATURE_RELAXED_SIMD) v128.store32_lane(out, v128.shuffle<i8>(q, q, 0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0);
  else v128.store64_lane(out, v128.shuffle<i16>(q, q, 0, 2, 4, 6, 0, 0, 0, 0), 0);
}

function packZeros(rows: i32, K: i32, out: usize): void {
  for (let row = rows; row & 3; row++) {
    const to = place(out, row, K);
    for (let k = 0; k < K; k += 4) storeFour(to + k * 4 * ACTIVATION_BYTES, i32x4.splat(0));
  }
}
