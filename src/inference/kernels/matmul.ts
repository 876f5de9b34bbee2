/**
 * Quantized rows by a weight matrix: y = x W + b, where x ≈ minimum + scale × q for each row and W = weight × scale for
 * each column:
 *
 *   y[m, n] = (Σ q w) × scale[m] × scale[n]  +  minimum[m] × (scale[n] Σ w)  +  b[n]
 *
 * A matrix is four sections of the blob, N rounded up to 8: weights (N / 8, K / 4, 8, 4) int8; scales, scaled sums and
 * biases (N,) f32. Every row is computed alike wherever it stands, so texts do not feel each other's company.
 */
import { packedBytes, unpackColumns } from './int4';
import { ACTIVATION_BYTES, fourBits, section, tile, unpacked } from './model';
import { gemmTileI8 } from './tiles';

/**
 * By a matrix of a layer, whose weights have 8 bits or 4: those become 8 eight columns at a time, for all rows.
 * @param q packed by `quantize`
 * @param scales (rows, 2) f32
 * @param matrix the first of its sections
 * @param out (rows rounded up to 4, N) f32
 */
export function matmul(q: usize, scales: usize, rows: i32, K: i32, matrix: i32, N: i32, out: usize): void {
  const weights = section(matrix);
  const step = groupBytes(K);
  for (let n = 0; n < N; n += 8) {
    let columns = weights + n * K;
    if (fourBits) {
      unpackColumns(weights + (n >> 3) * packedBytes(K), K, unpacked);
      columns = unpacked;
    }
    for (let row = 0; row < rows; row += 4) {
      gemmTileI8(q + (row >> 2) * step, columns, K);
      finish(matrix, n, scales + row * 8, out + (row * N + n) * 4, N);
    }
  }
}

/** The same for activations of 14 bits, packed by `quantize14`. @param out (rows rounded up to 2, N) f32 */
export function matmul14(q: usize, scales: usize, rows: i32, K: i32, matrix: i32, N: i32, out: usize): void {
  const weights = section(matrix);
  const step = groupBytes(K);
  for (let n = 0; n < N; n += 8) {
    for (let row = 0; row < rows; row += 2) {
      gemmTileI8(q + (row >> 1) * step, weights + n * K, K);
      finish14(matrix, n, scales + row * 8, out + (row * N + n) * 4, N);
    }
  }
}

// @ts-ignore: decorator
@inline
function groupBytes(K: i32): i32 {
  return K * 4 * ACTIVATION_BYTES;
}

function finish(matrix: i32, n: i32, scales: usize, out: usize, N: i32): void {
  for (let half = 0; half < 2; half++) {
    const column = (n + half * 4) * 4;
    const scale = v128.load(section(matrix + 1) + column);
    const sum = v128.load(section(matrix + 2) + column);
    const bias = v128.load(section(matrix + 3) + column);
    for (let row = 0; row < 4; row++) {
      const sums = f32x4.convert_i32x4_s(v128.load(tile + row * 32 + half * 16));
      write(sums, scale, sum, bias, scales + row * 8, out + row * N * 4 + half * 16);
    }
  }
}

function finish14(matrix: i32, n: i32, scales: usize, out: usize, N: i32): void {
  for (let half = 0; half < 2; half++) {
    const column = (n + half * 4) * 4;
    const scale = v128.load(section(matrix + 1) + column);
    const sum = v128.load(section(matrix + 2) + column);
    const bias = v128.load(section(matrix + 3) + column);
    for (let row = 0; row < 2; row++) {
      const at = tile + row * 64 + half * 16;
      const coarse = f32x4.mul(f32x4.convert_i32x4_s(v128.load(at)), f32x4.splat(128));
      const sums = f32x4.add(coarse, f32x4.convert_i32x4_s(v128.load(at, 32)));
      write(sums, scale, sum, bias, scales + row * 8, out + row * N * 4 + half * 16);
    }
  }
}

// @ts-ignore: decorator
@inline
function write(sums: v128, scale: v128, sum: v128, bias: v128, scales: usize, out: usize): void {
  const product = f32x4.mul(f32x4.mul(sums, v128.load32_splat(scales)), scale);
  const constant = f32x4.add(f32x4.mul(v128.load32_splat(scales, 4), sum), bias);
  v128.store(out, f32x4.add(product, constant));
}
