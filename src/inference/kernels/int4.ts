/**
 * Unpacks weights of 4 bits to 8. A weight is q × step × scale: q in −7 … 7, a step in 1 … 18 for each column and 32 inputs, and the
 * column's scale. q × step fits 8 bits exactly, so everything after this is the same as with weights of 8 bits.
 *
 * Of eight columns: (K / 8, 8, 4) bytes, whose low halves are q + 8 of inputs 8 i … 8 i + 3 and whose high halves those of the
 * four that follow; then the steps, (K / 32, 8) uint8. Written by models/quantization/int4.ts.
 */

import { STEP_INPUTS } from '../.build/efm-constants';

/** Of eight columns with K inputs. */
export function packedBytes(K: i32): i32 {
  return K * 4 + (K / STEP_INPUTS) * 8;
}

/**
 * @param packed of eight columns
 * @param K a multiple of 32
 * @param out (K / 4, 8, 4) int8
 */
export function unpackColumns(packed: usize, K: i32, out: usize): void {
  let steps = packed + K * 4;
  const eight = i8x16.splat(8);
  const low = i8x16.splat(15);
  for (let k = 0; k < K; k += STEP_INPUTS) {
    // The step of each column in 16 bits, repeated for its four inputs, two columns a vector.
    const ofColumns = i16x8.extend_low_i8x16_u(v128.load64_zero(steps));
    steps += 8;
    const step01 = v128.shuffle<i16>(ofColumns, ofColumns, 0, 0, 0, 0, 1, 1, 1, 1);
    const step23 = v128.shuffle<i16>(ofColumns, ofColumns, 2, 2, 2, 2, 3, 3, 3, 3);
    const step45 = v128.shuffle<i16>(ofColumns, ofColumns, 4, 4, 4, 4, 5, 5, 5, 5);
    const step67 = v128.shuffle<i16>(ofColumns, ofColumns, 6, 6, 6, 6, 7, 7, 7, 7);
    for (let i = 0; i < STEP_INPUTS; i += 8) {
      const first = v128.load(packed);
      const second = v128.load(packed, 16);
      packed += 32;
      store16(out, i8x16.sub(v128.and(first, low), eight), step01, step23);
      store16(out + 16, i8x16.sub(v128.and(second, low), eight), step45, step67);
      store16(out + 32, i8x16.sub(i8x16.shr_u(first, 4), eight), step01, step23);
      store16(out + 48, i8x16.sub(i8x16.shr_u(second, 4), eight), step45, step67);
      out += 64;
    }
  }
}

// @ts-ignore: decorator
@inline
function store16(out: usize, q: v128, lowSteps: v128, highSteps: v128): void {
  const low = i16x8.mul(i16x8.extend_low_i8x16_s(q), lowSteps);
  const high = i16x8.mul(i16x8.extend_high_i8x16_s(q), highSteps);
  v128.store(out, i8x16.narrow_i16x8_s(low, high));
}
