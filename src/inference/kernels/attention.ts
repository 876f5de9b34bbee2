/**
 * Scaled dot-product attention (Vaswani et al. 2017, 3.2), a text and a head at a time: softmax(q kᵀ / √D) v. The
 * division by √D is in the weights of the query.
 *
 * Both products multiply 16-bit integers. Queries and keys have 13 bits and a scale for each row and head: D × 4095² stays
 * below 2³¹ for D up to 128. Values have 16 bits and a scale for each row and head. That scale is multiplied into the softmax
 * weight of its key. The weights of a query are scaled to a sum of 32767, so this product stays below 2³¹ too.
 */
import { before, expOfNegative, hmax, round, inverseScale, hsum } from './math';
import {
  A,
  CAPACITY,
  D,
  Q,
  fourQueries,
  fourScores,
  fourWeights,
  keyScales,
  keys,
  slots,
  tile,
  valueScales,
  values,
} from './model';
import { gemmTileI16 } from './tiles';

const QUERY_STEPS: f32 = 4095;
const VALUE_STEPS: f32 = 32767;
const WEIGHT_STEPS: f32 = 32767;
/** For slots after the last key: their softmax weight is 0. */
const MASKED_SCORE: f32 = -1e30;

/**
 * Puts keys and values where `attend` reads them.
 * @param rows (count, 2 Q) f32: keys, then values
 * @param first which row of the run the first one is
 */
export function storeKeysValues(rows: usize, first: i32, count: i32): void {
  for (let i = 0; i < count; i++) {
    const slot = load<i32>(slots + (first + i) * 4);
    for (let head = 0; head < A; head++) {
      storeKey(rows + (i * 2 * Q + head * D) * 4, head, slot);
      storeValue(rows + (i * 2 * Q + Q + head * D) * 4, head, slot);
    }
  }
}

/** The largest magnitude of (D,) f32. */
function maxAbs(x: usize): f32 {
  let largest = f32x4.splat(0);
  for (let i = 0; i < D; i += 4) largest = f32x4.max(largest, f32x4.abs(v128.load(x + i * 4)));
  return hmax(largest);
}

/** Rounds four numbers to i16, in the lower half. */
// @ts-ignore: decorator
@inline
function toSteps(x: usize, inverse: v128): v128 {
  const four = round(f32x4.mul(v128.load(x), inverse));
  return i16x8.narrow_i32x4_s(four, four);
}

function storeKey(key: usize, head: i32, slot: i32): void {
  const largest = maxAbs(key);
  store<f32>(keyScales + (head * CAPACITY + slot) * 4, largest / QUERY_STEPS);
  const inverse = inverseScale(largest, QUERY_STEPS);
  let out = keys + head * CAPACITY * D * 2 + (slot >> 3) * D * 16 + (slot & 7) * 4;
  for (let d = 0; d < D; d += 4) {
    const four = toSteps(key + d * 4, inverse);
    v128.store32_lane(out, four, 0);
    v128.store32_lane(out, four, 1, 32);
    out += 64;
  }
}

function storeValue(value: usize, head: i32, slot: i32): void {
  const largest = maxAbs(value);
  store<f32>(valueScales + (head * CAPACITY + slot) * 4, largest / VALUE_STEPS);
  const inverse = inverseScale(largest, VALUE_STEPS);
  let out = values + head * CAPACITY * D * 2 + (slot >> 1) * 32 + (slot & 1) * 2;
  for (let d = 0; d < D; d += 8) {
    const low = toSteps(value + d * 4, inverse);
    const high = toSteps(value + d * 4 + 16, inverse);
    v128.store16_lane(out, low, 0);
    v128.store16_lane(out, low, 1, 4);
    v128.store16_lane(out, low, 2, 8);
    v128.store16_lane(out, low, 3, 12);
    v128.store16_lane(out, high, 0, 16);
    v128.store16_lane(out, high, 1, 20);
    v128.store16_lane(out, high, 2, 24);
    v128.store16_lane(out, high, 3, 28);
    out += CAPACITY * 16; // (CAPACITY / 2, 8, 2) i16 for each eight columns
  }
}

/**
 * Attention for queries of one text, in place.
 * @param rows (count, Q) f32
 * @param slot of the text's first key
 * @param length of the text
 */
export function attend(rows: usize, count: i32, slot: i32, length: i32): void {
  for (let head = 0; head < A; head++) {
    for (let i = 0; i < count; i += 4) {
      attendFour(rows + (i * Q + head * D) * 4, min(4, count - i), head, slot, length);
    }
  }
}

function attendFour(rows: usize, count: i32, head: i32, slot: i32, length: i32): void {
  const panels = (length + 7) >> 3;
  const firstKey = keys + head * CAPACITY * D * 2 + slot * D * 2;
  const scalesOfKeys = keyScales + (head * CAPACITY + slot) * 4;
  for (let i = 0; i < 4; i++) {
    // A group that is not full repeats its last row.
    store<f32>(scales + i * 4, packQuery(rows + min(i, count - 1) * Q * 4, i));
  }
  for (let panel = 0; panel < panels; panel++) {
    gemmTileI16(fourQueries, firstKey + panel * D * 16, D >> 1);
    for (let half = 0; half < 2; half++) {
      const at = (panel * 8 + half * 4) * 4;
      const scale = v128.load(scalesOfKeys + at);
      for (let i = 0; i < 4; i++) {
        const sums = f32x4.convert_i32x4_s(v128.load(tile + i * 32 + half * 16));
        const scores = f32x4.mul(f32x4.mul(sums, v128.load32_splat(scales + i * 4)), scale);
        v128.store(fourScores + i * CAPACITY * 4 + at, scores);
      }
    }
  }
  const scalesOfValues = valueScales + (head * CAPACITY + slot) * 4;
  for (let i = 0; i < 4; i++) softmax(fourScores + i * CAPACITY * 4, length, scalesOfValues, i);
  roundWeights(panels * 8);
  let firstValue = values + head * CAPACITY * D * 2 + slot * 16;
  for (let d = 0; d < D; d += 8) {
    gemmTileI16(fourWeights, firstValue, panels * 4);
    for (let i = 0; i < count; i++) {
      const unit = v128.load32_splat(scales + i * 4);
      const out = rows + (i * Q + d) * 4;
      v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(v128.load(tile + i * 32)), unit));
      v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(v128.load(tile + i * 32, 16)), unit), 16);
    }
    firstValue += CAPACITY * 16;
  }
}

/** (4,) f32: the scales of the queries, then of the contexts. */
const scales: usize = memory.data(16, 16);

/** @returns the scale of the query */
function packQuery(query: usize, i: i32): f32 {
  const largest = maxAbs(query);
  const inverse = inverseScale(largest, QUERY_STEPS);
  let out = fourQueries + i * 4;
  for (let d = 0; d < D; d += 4) {
    const four = toSteps(query + d * 4, inverse);
    v128.store32_lane(out, four, 0);
    v128.store32_lane(out, four, 1, 16);
    out += 32;
  }
  return largest / QUERY_STEPS;
}

/**
 * Softmax of the scores of query `i` of four, each weight times the scale of its value, in place.
 * Writes to `steps` what turns a weight into a whole number, and to `scales` the scale of Σ weight × value.
 * @param scores (length rounded up to 8,) f32
 * @param scalesOfValues (length rounded up to 8,) f32
 */
function softmax(scores: usize, length: i32, scalesOfValues: usize, i: i32): void {
  const padded = (length + 7) & ~7;
  for (let key = length; key < padded; key++) store<f32>(scores + key * 4, MASKED_SCORE);
  let most = f32x4.splat(MASKED_SCORE);
  for (let key = 0; key < padded; key += 4) most = f32x4.max(most, v128.load(scores + key * 4));
  const largest = f32x4.splat(hmax(most));
  let sum = f32x4.splat(0);
  let weightedSum = f32x4.splat(0);
  for (let key = 0; key < padded; key += 4) {
    const weight = expOfNegative(f32x4.sub(v128.load(scores + key * 4), largest));
    sum = f32x4.add(sum, weight);
    // Slots after the last key hold scales of another text: mask them.
    let weighted = f32x4.mul(weight, v128.load(scalesOfValues + key * 4));
    if (key + 4 > length) weighted = v128.and(weighted, before(length - key));
    weightedSum = f32x4.add(weightedSum, weighted);
    v128.store(scores + key * 4, weighted);
  }
  const weighted = hsum(weightedSum);
  v128.store(steps + i * 16, inverseScale(weighted, WEIGHT_STEPS));
  store<f32>(scales + i * 4, weighted / (WEIGHT_STEPS * hsum(sum)));
}

/** (4, 4) f32: of each query, in all lanes. */
const steps: usize = memory.data(64, 16);

/** `fourScores`, (4, keys) f32, to whole numbers in `fourWeights`, (keys / 2, 4, 2) i16. */
function roundWeights(keys: i32): void {
  let out = fourWeights;
  for (let at = fourScores; at < fourScores + keys * 4; at += 16) {
    const first = i16x8.narrow_i32x4_s(toWhole(at, 0), toWhole(at, 1));
    const last = i16x8.narrow_i32x4_s(toWhole(at, 2), toWhole(at, 3));
    v128.store(out, v128.shuffle<i32>(first, last, 0, 2, 4, 6));
    v128.store(out, v128.shuffle<i32>(first, last, 1, 3, 5, 7), 16);
    out += 32;
  }
}

// @ts-ignore: decorator
@inline
function toWhole(weights: usize, i: i32): v128 {
  return round(f32x4.mul(v128.load(weights + i * CAPACITY * 4), v128.load(steps + i * 16)));
}
