/**
 * The inner loops: products of four rows and eight columns of integers. They take nine tenths of the time. Each loop is a
 * function of its own that stores its sums in memory: the code that follows would take registers from it. `fused` and
 * `gemmTileI16` differ in one instruction only; with one loop for both, a run of 16 tokens took 1.15 times as long.
 */
import { ACTIVATION_BYTES, fusedDot, tile } from './model';

/**
 * int8 weights by 7-bit activations.
 * @param a (K / 4, 4 rows, 4) activations in 0 … 127, ACTIVATION_BYTES each
 * @param w (K / 4, 8 columns, 4) int8
 * @param K a multiple of 8
 * @param out (4, 8) i32: Σ a w
 */
export function gemmTileI8(a: usize, w: usize, K: i32, out: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (fusedDot) fused(a, w, K, out, 4);
    else relaxed(a, w, K, out, 4);
  } else {
    plain(a, w, K, out);
    plain(a + 8 * ACTIVATION_BYTES, w, K, out + 64);
  }
}

/** The first two of the four rows only, for a group that is half empty. @param out (2, 8) i32: Σ a w */
export function gemmTwoRowsI8(a: usize, w: usize, K: i32, out: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (fusedDot) fused(a, w, K, out, 2);
    else relaxed(a, w, K, out, 2);
  } else {
    plain(a, w, K, out);
  }
}

/**
 * Two instructions multiply 16 pairs each and add neighbours in 16 bits; both results are added in 16 bits again before a
 * third widens them to 32. Packing proves that no sum of these weights overflows 16 bits (models/quantization/lanes.ts).
 */
// @ts-ignore: decorator
@inline
function addProducts(sum: v128, w0: v128, a0: v128, w1: v128, a1: v128): v128 {
  return i32x4.add(sum, i32x4.dot_i16x8_s(i16x8.add(dot(w0, a0), dot(w1, a1)), i16x8.splat(1)));
}

/** @param rows 4, or 2 for the first two. It is a literal, so that the compiler leaves out the rest */
// @ts-ignore: decorator
@inline
function relaxed(a: usize, w: usize, K: i32, out: usize, rows: i32): void {
  let s00 = i32x4.splat(0);
  let s01 = s00;
  let s10 = s00;
  let s11 = s00;
  let s20 = s00;
  let s21 = s00;
  let s30 = s00;
  let s31 = s00;
  for (let k = 0; k < K; k += 8) {
    const w0 = v128.load(w);
    const w1 = v128.load(w, 16);
    const w2 = v128.load(w, 32);
    const w3 = v128.load(w, 48);
    let a0 = v128.load32_splat(a);
    let a1 = v128.load32_splat(a, 16);
    s00 = addProducts(s00, w0, a0, w2, a1);
    s01 = addProducts(s01, w1, a0, w3, a1);
    a0 = v128.load32_splat(a, 4);
    a1 = v128.load32_splat(a, 20);
    s10 = addProducts(s10, w0, a0, w2, a1);
    s11 = addProducts(s11, w1, a0, w3, a1);
    if (rows == 4) {
      a0 = v128.load32_splat(a, 8);
      a1 = v128.load32_splat(a, 24);
      s20 = addProducts(s20, w0, a0, w2, a1);
      s21 = addProducts(s21, w1, a0, w3, a1);
      a0 = v128.load32_splat(a, 12);
      a1 = v128.load32_splat(a, 28);
      s30 = addProducts(s30, w0, a0, w2, a1);
      s31 = addProducts(s31, w1, a0, w3, a1);
    }
    a += 32;
    w += 64;
  }
  storeTile(out, s00, s01, s10, s11, s20, s21, s30, s31, rows);
}

/** The same with one instruction, which multiplies 16 pairs and adds fours of them in 32 bits. */
// @ts-ignore: decorator
@inline
function fused(a: usize, w: usize, K: i32, out: usize, rows: i32): void {
  let s00 = i32x4.splat(0);
  let s01 = s00;
  let s10 = s00;
  let s11 = s00;
  let s20 = s00;
  let s21 = s00;
  let s30 = s00;
  let s31 = s00;
  for (let k = 0; k < K; k += 4) {
    const w0 = v128.load(w);
    const w1 = v128.load(w, 16);
    let row = v128.load32_splat(a);
    s00 = dotAdd(w0, row, s00);
    s01 = dotAdd(w1, row, s01);
    row = v128.load32_splat(a, 4);
    s10 = dotAdd(w0, row, s10);
    s11 = dotAdd(w1, row, s11);
    if (rows == 4) {
      row = v128.load32_splat(a, 8);
      s20 = dotAdd(w0, row, s20);
      s21 = dotAdd(w1, row, s21);
      row = v128.load32_splat(a, 12);
      s30 = dotAdd(w0, row, s30);
      s31 = dotAdd(w1, row, s31);
    }
    a += 16;
    w += 32;
  }
  storeTile(out, s00, s01, s10, s11, s20, s21, s30, s31, rows);
}

// @ts-ignore: decorator
@inline
function dotAdd(weights: v128, activations: v128, sums: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(weights, activations, sums);
}

/** The result of this instruction is the same on every machine only where the second operand has 7 bits. */
// @ts-ignore: decorator
@inline
function dot(weights: v128, activations: v128): v128 {
  return v128.relaxed_dot<i16>(weights, activations);
}

/** The same for two of the four rows, with activations of 16 bits: exact in 32 bits at once. */
function plain(a: usize, w: usize, K: i32, out: usize): void {
  let s0 = i32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let t0 = s0;
  let t1 = s0;
  let t2 = s0;
  let t3 = s0;
  for (let k = 0; k < K; k += 4) {
    const a0 = v128.load64_splat(a);
    const a1 = v128.load64_splat(a, 8);
    const w0 = v128.load8x8_s(w);
    const w1 = v128.load8x8_s(w, 8);
    const w2 = v128.load8x8_s(w, 16);
    const w3 = v128.load8x8_s(w, 24);
    s0 = i32x4.add(s0, i32x4.dot_i16x8_s(w0, a0));
    s1 = i32x4.add(s1, i32x4.dot_i16x8_s(w1, a0));
    s2 = i32x4.add(s2, i32x4.dot_i16x8_s(w2, a0));
    s3 = i32x4.add(s3, i32x4.dot_i16x8_s(w3, a0));
    t0 = i32x4.add(t0, i32x4.dot_i16x8_s(w0, a1));
    t1 = i32x4.add(t1, i32x4.dot_i16x8_s(w1, a1));
    t2 = i32x4.add(t2, i32x4.dot_i16x8_s(w2, a1));
    t3 = i32x4.add(t3, i32x4.dot_i16x8_s(w3, a1));
    a += 32;
    w += 32;
  }
  v128.store(out, addPairs(s0, s1));
  v128.store(out, addPairs(s2, s3), 16);
  v128.store(out, addPairs(t0, t1), 32);
  v128.store(out, addPairs(t2, t3), 48);
}

/** (x₀ + x₁, x₂ + x₃, y₀ + y₁, y₂ + y₃) */
// @ts-ignore: decorator
@inline
function addPairs(x: v128, y: v128): v128 {
  const even = v128.shuffle<i32>(x, y, 0, 2, 4, 6);
  const odd = v128.shuffle<i32>(x, y, 1, 3, 5, 7);
  return i32x4.add(even, odd);
}

/**
 * 16-bit by 16-bit, for attention. The caller ensures that sums fit 32 bits.
 * @param a (pairs, 4 rows, 2) i16
 * @param b (pairs, 8 columns, 2) i16
 * @returns in `tile`, (4, 8) i32
 */
export function gemmTileI16(a: usize, b: usize, pairs: i32): void {
  let s00 = i32x4.splat(0);
  let s01 = s00;
  let s10 = s00;
  let s11 = s00;
  let s20 = s00;
  let s21 = s00;
  let s30 = s00;
  let s31 = s00;
  for (let pair = 0; pair < pairs; pair++) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let row = v128.load32_splat(a);
    s00 = i32x4.add(s00, i32x4.dot_i16x8_s(b0, row));
    s01 = i32x4.add(s01, i32x4.dot_i16x8_s(b1, row));
    row = v128.load32_splat(a, 4);
    s10 = i32x4.add(s10, i32x4.dot_i16x8_s(b0, row));
    s11 = i32x4.add(s11, i32x4.dot_i16x8_s(b1, row));
    row = v128.load32_splat(a, 8);
    s20 = i32x4.add(s20, i32x4.dot_i16x8_s(b0, row));
    s21 = i32x4.add(s21, i32x4.dot_i16x8_s(b1, row));
    row = v128.load32_splat(a, 12);
    s30 = i32x4.add(s30, i32x4.dot_i16x8_s(b0, row));
    s31 = i32x4.add(s31, i32x4.dot_i16x8_s(b1, row));
    a += 16;
    b += 32;
  }
  storeTile(tile, s00, s01, s10, s11, s20, s21, s30, s31, 4);
}

/** (rows, 8) i32, of four rows or of the first two. */
// @ts-ignore: decorator
@inline
function storeTile(
  out: usize,
  s00: v128,
  s01: v128,
  s10: v128,
  s11: v128,
  s20: v128,
  s21: v128,
  s30: v128,
  s31: v128,
  rows: i32,
): void {
  v128.store(out, s00);
  v128.store(out, s01, 16);
  v128.store(out, s10, 32);
  v128.store(out, s11, 48);
  if (rows == 2) return;
  v128.store(out, s20, 64);
  v128.store(out, s21, 80);
  v128.store(out, s30, 96);
  v128.store(out, s31, 112);
}
