/**
 * Quantized rows by a weight matrix: y = x W + b, where x ≈ minimum + scale × q for each row and W = weight × scale for
 * each column:
 *
 *   y[m, n] = (Σ q w) × scale[m] × scale[n]  +  minimum[m] × (scale[n] Σ w)  +  b[n]
 *
 * Outlier channels add the same two terms with a scale and a minimum of their own. A matrix is sections of the model file, N
 * rounded up to 8: weights (N / 8, K / 4, 8, 4) int8; scales, scaled sums and biases (N,) f32; in a layer also the scaled
 * sums of the outliers. A row's result does not depend on the rest of the batch.
 */
import { packedBytes, unpackColumns } from './int4';
import { ACTIVATION_BYTES, SCALE_BYTES, fourBits, outlierTile, section, tile, unpacked } from './model';
import { gemmTileI8, gemmTwoRowsI8 } from './tiles';

/**
 * By a matrix of a layer, whose weights have 8 bits or 4. Weights of 4 bits are unpacked eight columns at a time, for all
 * rows.
 * @param q packed by `quantize`
 * @param scales (rows, 4) f32
 * @param outliers how many of the K channels, which come first in the matrix
 * @param matrix the first of its sections
 * @param out (rows rounded up to 4, N) f32
 */
export function matmul(
  q: usize,
  scales: usize,
  rows: i32,
  K: i32,
  outliers: i32,
  matrix: i32,
  N: i32,
  out: usize,
): void {
  const main = K - outliers;
  const panelBytes = outliers * 8 + (fourBits ? packedBytes(main) : main * 8);
  const groupBytes = (K + outliers) * 4 * ACTIVATION_BYTES;
  let panel = section(matrix);
  for (let n = 0; n < N; n += 8) {
    let columns = panel + outliers * 8;
    if (fourBits) {
      unpackColumns(columns, main, unpacked);
      columns = unpacked;
    }
    let group = q;
    for (let row = 0; row < rows; row += 4) {
      gemmTileI8(group, columns, main, tile);
      if (outliers) {
        const ofOutliers = group + main * 4 * ACTIVATION_BYTES;
        gemmTileI8(ofOutliers, panel, outliers, outlierTile);
        gemmTileI8(ofOutliers + outliers * 4 * ACTIVATION_BYTES, panel, outliers, outlierTile + 128);
        finishWithOutliers(matrix, n, scales + row * SCALE_BYTES, out + (row * N + n) * 4, N);
      } else finish(matrix, n, scales + row * SCALE_BYTES, out + (row * N + n) * 4, N);
      group += groupBytes;
    }
    panel += panelBytes;
  }
}

/** By any other matrix, for activations of 14 bits, packed by `quantize14`. @param out (rows, N) f32 */
export function matmul14(q: usize, scales: usize, rows: i32, K: i32, matrix: i32, N: i32, out: usize): void {
  const weights = section(matrix);
  const groupBytes = K * 4 * ACTIVATION_BYTES;
  const last = rows - 1;
  for (let n = 0; n < N; n += 8) {
    const columns = weights + n * K;
    for (let row = 0; row < last; row += 2) {
      gemmTileI8(q + (row >> 1) * groupBytes, columns, K, tile);
      finish14(matrix, n, tile, scales + row * SCALE_BYTES, out + (row * N + n) * 4);
      finish14(matrix, n, tile + 64, scales + (row + 1) * SCALE_BYTES, out + ((row + 1) * N + n) * 4);
    }
    if (rows & 1) {
      gemmTwoRowsI8(q + (last >> 1) * groupBytes, columns, K, tile);
      finish14(matrix, n, tile, scales + last * SCALE_BYTES, out + (last * N + n) * 4);
    }
  }
}

function finish(matrix: i32, n: i32, scales: usize, out: usize, N: i32): void {
  for (let half = 0; half < 2; half++) {
    const column = (n + half * 4) * 4;
    const scale = v128.load(section(matrix + 1) + column);
    const sum = v128.load(section(matrix + 2) + column);
    const bias = v128.load(section(matrix + 3) + column);
    for (let row = 0; row < 4; row++) {
      const sums = f32x4.convert_i32x4_s(v128.load(tile + row * 32 + half * 16));
      write(sums, scale, sum, bias, scales + row * SCALE_BYTES, out + row * N * 4 + half * 16);
    }
  }
}

function finishWithOutliers(matrix: i32, n: i32, scales: usize, out: usize, N: i32): void {
  for (let half = 0; half < 2; half++) {
    const column = (n + half * 4) * 4;
    const scale = v128.load(section(matrix + 1) + column);
    const sum = v128.load(section(matrix + 2) + column);
    const bias = v128.load(section(matrix + 3) + column);
    const outlierSum = v128.load(section(matrix + 4) + column);
    for (let row = 0; row < 4; row++) {
      const scaleOfRow = scales + row * SCALE_BYTES;
      const main = f32x4.mul(f32x4.convert_i32x4_s(v128.load(tile + row * 32 + half * 16)), v128.load32_splat(scaleOfRow));
      // 128 coarse + fine is exact in 32 bits: efm-format.ts bounds the number of outliers for that.
      const at = outlierTile + row * 64 + half * 16;
      const both = i32x4.add(i32x4.shl(v128.load(at), 7), v128.load(at, 32));
      const ofOutliers = f32x4.mul(f32x4.convert_i32x4_s(both), v128.load32_splat(scaleOfRow, 8));
      const product = f32x4.mul(f32x4.add(main, ofOutliers), scale);
      let constant = f32x4.add(f32x4.mul(v128.load32_splat(scaleOfRow, 4), sum), bias);
      constant = f32x4.add(constant, f32x4.mul(v128.load32_splat(scaleOfRow, 12), outlierSum));
      v128.store(out + row * N * 4 + half * 16, f32x4.add(product, constant));
    }
  }
}

/** @param sums (2, 8) i32 of one row: of the upper seven bits, then of the lower seven */
function finish14(matrix: i32, n: i32, sums: usize, scales: usize, out: usize): void {
  for (let half = 0; half < 32; half += 16) {
    const column = n * 4 + half;
    const scale = v128.load(section(matrix + 1) + column);
    const sum = v128.load(section(matrix + 2) + column);
    const bias = v128.load(section(matrix + 3) + column);
    const coarse = f32x4.mul(f32x4.convert_i32x4_s(v128.load(sums + half)), f32x4.splat(128));
    const total = f32x4.add(coarse, f32x4.convert_i32x4_s(v128.load(sums + half, 32)));
    write(total, scale, sum, bias, scales, out + half);
  }
}

// @ts-ignore: decorator
@inline
function write(sums: v128, scale: v128, sum: v128, bias: v128, scales: usize, out: usize): void {
  const product = f32x4.mul(f32x4.mul(sums, v128.load32_splat(scales)), scale);
  const constant = f32x4.add(f32x4.mul(v128.load32_splat(scales, 4), sum), bias);
  v128.store(out, f32x4.add(product, constant));
}
