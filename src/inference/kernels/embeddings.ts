/**
 * Ids to the first hidden states: word + position + type, normalized; for ALBERT then projected from E to H (Lan et al.
 * 2020, factorized embedding).
 *
 * The word table is in the file once, in the layout of the MLM decoder: (V / 8, E / 4, 8, 4) int8 with a scale for each row.
 * Type row 0 is already added to the positions; type rows hold the difference from it.
 */
import { EMBEDDING_NORM, POSITION_ROWS, PROJECTION, TYPE_ROWS, WORDS } from '../.build/efm-constants';
import {
  BLOCK,
  CAPACITY,
  E,
  H,
  PADDING_ID,
  POSITION_COUNT,
  TYPE_COUNT,
  V,
  embeddingSize,
  hasProjection,
  hidden,
  inputIds,
  narrow,
  quantizedBlock,
  quantizedBlockScales,
  section,
  slots,
  starts,
  tokenTypeIds,
} from './model';
import { matmul14 } from './matmul';
import { addAndNormalize } from './normalize';
import { quantize14 } from './quantize';

/**
 * From `inputIds`, `tokenTypeIds` and `starts` to `hidden`, (R, H), and `slots`.
 * @param texts at least one
 */
export function embed(texts: i32): void {
  const rows = load<i32>(starts + texts * 4);
  let slot = 0;
  for (let text = 0; text < texts; text++) {
    const start = load<i32>(starts + text * 4);
    const length = load<i32>(starts + text * 4 + 4) - start;
    if (length < 1 || length > POSITION_COUNT) unreachable();
    for (let i = 0; i < length; i++) store<i32>(slots + (start + i) * 4, slot + i);
    slot += (length + 7) & ~7;
  }
  if (slot > CAPACITY) unreachable();

  let text = -1;
  let position = 0;
  for (let first = 0; first < rows; first += BLOCK) {
    const count = min(BLOCK, rows - first);
    // Without a projection E = H, and the rows are written in place.
    const block = hasProjection ? narrow : hidden + first * H * 4;
    for (let i = 0; i < count; i++) {
      if (load<i32>(starts + text * 4 + 4) == first + i) {
        text++;
        position = 0;
      }
      const isPadding = load<i32>(inputIds + (first + i) * 4) == PADDING_ID;
      addRows(first + i, isPadding ? POSITION_COUNT : position, block + i * E * 4);
      if (!isPadding) position++;
    }
    addAndNormalize(block, 0, count, E, embeddingSize, EMBEDDING_NORM);
    if (!hasProjection) continue;
    quantize14(block, count, E, quantizedBlock, quantizedBlockScales);
    const out = hidden + first * H * 4;
    matmul14(quantizedBlock, quantizedBlockScales, count, E, PROJECTION, H, out);
  }
}

/** Sums the three rows of a token, (E,) f32. Traps on an id outside the tables. */
function addRows(row: i32, position: i32, out: usize): void {
  const id = load<i32>(inputIds + row * 4);
  const type = load<i32>(tokenTypeIds + row * 4);
  if (<u32>id >= <u32>V || <u32>type >= <u32>TYPE_COUNT) unreachable();
  let word = section(WORDS) + (id >> 3) * 8 * E + (id & 7) * 4;
  const scale = v128.load32_splat(section(WORDS + 1) + id * 4);
  let other = section(POSITION_ROWS) + position * E * 4;
  let ofType = section(TYPE_ROWS) + type * E * 4;
  const end = out + E * 4;
  for (; out < end; out += 16) {
    const bytes = i16x8.extend_low_i8x16_s(v128.load32_zero(word));
    const values = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(bytes));
    v128.store(out, f32x4.add(f32x4.add(f32x4.mul(values, scale), v128.load(other)), v128.load(ofType)));
    word += 32;
    other += 16;
    ofType += 16;
  }
}
