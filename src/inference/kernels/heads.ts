/** The heads: logits of the masked words, and of the pair of segments. */
import { exp, hmax, hsum, tanh } from './math';
import { MLM, MLM_NORM } from '../.build/efm-constants';
import {
  E,
  H,
  LOGITS_WIDTH,
  LOGIT_ROWS,
  V,
  decoderSection,
  embeddingSize,
  headActivation,
  headSection,
  hasMlmRest,
  hasSentence,
  hidden,
  logits,
  masked,
  mlmRestSection,
  narrow,
  logSumExpParts,
  poolerSection,
  quantizedBlock,
  quantizedBlockScales,
  section,
  sentenceLogits,
  wide,
} from './model';
import { matmul14 } from './matmul';
import { addAndNormalize } from './normalize';
import { activate, quantize14 } from './quantize';

/**
 * Masked-LM logits: x → dense, activation, norm (E,) → the decoder (V,) and a bias (Devlin et al. 2019, 3.1, task 1).
 * @param first which of `masked` to begin with
 * @param count at most LOGIT_ROWS
 * @returns in `logits`, (count, LOGITS_WIDTH), and in `logSumExpParts`
 */
export function predict(first: i32, count: i32): void {
  if (count > LOGIT_ROWS) unreachable();
  const head = headSection();
  for (let i = 0; i < count; i++) {
    const row = load<i32>(masked + (first + i) * 4);
    memory.copy(wide + i * H * 4, hidden + row * H * 4, H * 4);
  }
  quantize14(wide, count, H, quantizedBlock, quantizedBlockScales);
  matmul14(quantizedBlock, quantizedBlockScales, count, H, head + MLM, E, narrow);
  if (hasMlmRest) {
    matmul14(quantizedBlock, quantizedBlockScales, count, H, mlmRestSection(), E, wide);
    for (let at = 0; at < count * E * 4; at += 16) {
      v128.store(narrow + at, f32x4.add(v128.load(narrow + at), v128.load(wide + at)));
    }
  }
  activate(narrow, count, E, headActivation);
  addAndNormalize(narrow, 0, count, E, embeddingSize, head + MLM_NORM);
  quantize14(narrow, count, E, quantizedBlock, quantizedBlockScales);
  matmul14(quantizedBlock, quantizedBlockScales, count, E, decoderSection(), LOGITS_WIDTH, logits);
  for (let i = 0; i < count; i++) storeLogSumExpParts(logits + i * LOGITS_WIDTH * 4, logSumExpParts + i * 16);
}

/** The parts of log Σ e^logit: the largest logit is subtracted first, so nothing overflows. @param row (V,) f32 */
function storeLogSumExpParts(row: usize, out: usize): void {
  const end = row + LOGITS_WIDTH * 4;
  // Masks the padding columns (V is rounded up to a multiple of 8).
  for (let at = row + V * 4; at < end; at += 4) store<f32>(at, PADDING_LOGIT);
  let most = f32x4.splat(PADDING_LOGIT);
  for (let at = row; at < end; at += 16) most = f32x4.max(most, v128.load(at));
  const largest = hmax(most);
  most = f32x4.splat(largest);
  let sum = f64x2.splat(0);
  for (let at = row; at < end; at += 32) {
    const eight = f32x4.add(exp(f32x4.sub(v128.load(at), most)), exp(f32x4.sub(v128.load(at, 16), most)));
    sum = f64x2.add(sum, f64x2.promote_low_f32x4(eight));
    sum = f64x2.add(sum, f64x2.promote_low_f32x4(v128.shuffle<i64>(eight, eight, 1, 1)));
  }
  store<f64>(out, largest);
  store<f64>(out, f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1), 8);
}

const PADDING_LOGIT: f32 = -1e30;

/**
 * Sentence order (Lan et al. 2020, 3.1) or next sentence (Devlin et al. 2019): the first token through a pooler with tanh,
 * then two logits.
 * @param row of `hidden`
 * @returns in `sentenceLogits`, (2,)
 */
export function classifyPair(row: i32): void {
  if (!hasSentence) unreachable();
  const pooler = poolerSection();
  const classifier = pooler + 4;
  const x = hidden + row * H * 4;
  quantize14(x, 1, H, quantizedBlock, quantizedBlockScales);
  matmul14(quantizedBlock, quantizedBlockScales, 1, H, pooler, H, narrow);
  for (let i = 0; i < H; i += 4) v128.store(narrow + i * 4, tanh(v128.load(narrow + i * 4)));
  for (let label = 0; label < 2; label++) {
    const weights = section(classifier) + label * H * 4;
    let sum = f32x4.splat(0);
    for (let i = 0; i < H * 4; i += 16) sum = f32x4.add(sum, f32x4.mul(v128.load(narrow + i), v128.load(weights + i)));
    store<f32>(sentenceLogits + label * 4, hsum(sum) + load<f32>(section(classifier + 1) + label * 4));
  }
}
