/** What is asked of the encoded rows: the masked words, and whether two segments belong in this order. */
import { sumOf, tanh } from './math';
import {
  E,
  H,
  LOGITS_WIDTH,
  LOGIT_ROWS,
  MLM,
  MLM_NORM,
  POOLER,
  SENTENCE,
  WORDS,
  headSection,
  hasSentence,
  hidden,
  logits,
  masked,
  narrow,
  quantizedBlock,
  quantizedBlockFine,
  quantizedBlockScales,
  section,
  sentenceLogits,
  wide,
} from './model';
import { multiplyFinely } from './multiply';
import { addAndNormalize } from './normalize';
import { applyGelu, quantizeFinely } from './quantize';

/**
 * Masked-LM logits: x → dense, GELU, norm (E,) → the words (V,) and a bias (Devlin et al. 2019, 3.1, task 1).
 * @param first which of `masked` to begin with
 * @param count at most LOGIT_ROWS
 * @returns in `logits`, (count, LOGITS_WIDTH)
 */
export function predict(first: i32, count: i32): void {
  if (count > LOGIT_ROWS) unreachable();
  const head = headSection();
  for (let i = 0; i < count; i++) {
    const row = load<i32>(masked + (first + i) * 4);
    memory.copy(wide + i * H * 4, hidden + row * H * 4, H * 4);
  }
  quantizeFinely(wide, count, H, quantizedBlock, quantizedBlockFine, quantizedBlockScales);
  multiplyFinely(quantizedBlock, quantizedBlockFine, quantizedBlockScales, count, H, head + MLM, E, narrow);
  applyGelu(narrow, count, E);
  addAndNormalize(narrow, 0, count, E, head + MLM_NORM);
  quantizeFinely(narrow, count, E, quantizedBlock, quantizedBlockFine, quantizedBlockScales);
  multiplyFinely(quantizedBlock, quantizedBlockFine, quantizedBlockScales, count, E, WORDS, LOGITS_WIDTH, logits);
}

/**
 * Sentence order (Lan et al. 2020, 3.1) or next sentence (Devlin et al. 2019): the first token through a pooler with tanh,
 * then two logits.
 * @param row of `hidden`
 * @returns in `sentenceLogits`, (2,)
 */
export function judge(row: i32): void {
  if (!hasSentence) unreachable();
  const head = headSection();
  const x = hidden + row * H * 4;
  quantizeFinely(x, 1, H, quantizedBlock, quantizedBlockFine, quantizedBlockScales);
  multiplyFinely(quantizedBlock, quantizedBlockFine, quantizedBlockScales, 1, H, head + POOLER, H, narrow);
  for (let i = 0; i < H; i += 4) v128.store(narrow + i * 4, tanh(v128.load(narrow + i * 4)));
  for (let label = 0; label < 2; label++) {
    const weights = section(head + SENTENCE) + label * H * 4;
    let sum = f32x4.splat(0);
    for (let i = 0; i < H * 4; i += 16) sum = f32x4.add(sum, f32x4.mul(v128.load(narrow + i), v128.load(weights + i)));
    store<f32>(sentenceLogits + label * 4, sumOf(sum) + load<f32>(section(head + SENTENCE + 1) + label * 4));
  }
}
