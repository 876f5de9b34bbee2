/** Layer normalization (Ba et al. 2016): (x − mean) / √(variance + ε) × gamma + beta, for each row. */
import { before, hsum } from './math';
import { epsilon, section } from './model';

/**
 * x becomes the norm of x + y.
 * @param x (rows, width) f32
 * @param y (rows, width) f32, or 0 for nothing
 * @param size the channels that count; those after them are zeros, in x and y, and stay so since their gamma and beta are
 * @param norm the section of gamma; beta is the one after it. (width,) f32 each
 */
export function addAndNormalize(x: usize, y: usize, rows: i32, width: i32, size: i32, norm: i32): void {
  const gamma = section(norm);
  const beta = section(norm + 1);
  const bytes = width * 4;
  const whole = (size & ~3) * 4;
  for (let row = 0; row < rows; row++) {
    let sum = f32x4.splat(0);
    for (let i = 0; i < bytes; i += 16) {
      let four = v128.load(x + i);
      if (y) {
        four = f32x4.add(four, v128.load(y + i));
        v128.store(x + i, four);
      }
      sum = f32x4.add(sum, four);
    }
    const mean = f32x4.splat(hsum(sum) / <f32>size);
    let squares = f32x4.splat(0);
    for (let i = 0; i < whole; i += 16) {
      const off = f32x4.sub(v128.load(x + i), mean);
      squares = f32x4.add(squares, f32x4.mul(off, off));
    }
    if (size & 3) {
      const off = v128.and(f32x4.sub(v128.load(x + whole), mean), before(size & 3));
      squares = f32x4.add(squares, f32x4.mul(off, off));
    }
    const inverse = f32x4.splat(1 / sqrt<f32>(hsum(squares) / <f32>size + epsilon));
    for (let i = 0; i < bytes; i += 16) {
      const four = f32x4.mul(f32x4.sub(v128.load(x + i), mean), inverse);
      v128.store(x + i, f32x4.add(f32x4.mul(four, v128.load(gamma + i)), v128.load(beta + i)));
    }
    x += bytes;
    if (y) y += bytes;
  }
}
