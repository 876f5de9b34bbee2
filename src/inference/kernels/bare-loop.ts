/** The inner loop alone, on operands that stay in the first-level cache: what a benchmark compares the engine with. */
import { tile } from './model';
import { gemmTileI8 } from './tiles';

/** Multiplies the same four rows and eight columns again and again. @param K a multiple of 8; at most 1,024 */
export function multiply(K: i32, times: i32): void {
  const a: usize = __heap_base;
  for (let i = 0; i < times; i++) gemmTileI8(a, a + 8192, K, tile);
}
