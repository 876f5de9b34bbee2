/**
 * Chooses how the inputs of the layers are quantized: ranges of channels and candidates for outliers from a calibration text in
 * float32, then the number of outliers of each input by what its rounding alone costs. No I/O of its own.
 */
import {
  layerOrder,
  MAX_OUTLIERS,
  OUTLIER_INPUTS,
  type OutlierInput,
  STEP_INPUTS,
} from '../../src/inference/efm-format.ts';
import type { Encoding } from '../../src/inference/backend.ts';
import type { EncoderConfig, EncoderWeights, Layer, Linear } from '../checkpoint/encoder.ts';
import { divergence, type ReferenceDistribution, withScores } from '../evaluation/agreement.ts';
import { logSumExp, onnxRunner } from '../evaluation/backends.ts';
import { buildProbedGraph, buildTappedGraph, probeName } from '../onnx/encoder.ts';
import { compensationFor } from '../quantization/compensate.ts';
import { type FourBitRows, quantizeToFourBits } from '../quantization/int4.ts';
import { padInput, padMatrix, padWeights, placesOf, spread } from '../quantization/pad.ts';
import { multiplyColumns, quantizeRows } from '../quantization/int8.ts';
import {
  channelOrder,
  divisorsOf,
  forInputs,
  type InputPlan,
  type LayerPlan,
  matrixOf,
  plannedMatrix,
  withoutOutliers,
} from '../quantization/plan.ts';

/**
 * Limit of extra work in the layers, as a fraction, by default, by the bits of the weights. Outlier channels have weights of 8 bits, so
 * with 4 bits elsewhere they gain far more.
 */
export const DEFAULT_BUDGET = { 4: 0.4, 8: 0.08 } as const;
/** Outliers are chosen in multiples of these, by the bits of the weights. */
const CHANNELS = { 4: STEP_INPUTS, 8: 8 } as const;
/** Divergence in nats below which more outliers are not worth their time. `measure` allows 0.002 for the whole model. */
const ENOUGH = 0.00075;
/** The fraction of a channel's values within its range: a single token should not determine it. */
const WITHIN_RANGE = 0.99;
/** Outliers of an input start the inner loop twice more, which takes about as long as this many channels. */
const START = 16;

/** One input of a stored layer, and the divergence in nats if nothing else in the model is rounded. */
export interface InputLoss {
  readonly stored: number;
  readonly input: OutlierInput;
  readonly loss: number;
}

/** A cell of the table: what the outliers of one input gain. */
interface Choice extends InputLoss {
  /** The loss without outliers. */
  readonly without: number;
  readonly chosen: number;
  readonly channels: number;
}

interface Calibrated {
  readonly plan: LayerPlan[];
  readonly choices: readonly Choice[];
  /** Extra work in the layers, as a fraction. */
  readonly extra: number;
}

/** What the calibration text says of an input. */
interface Observed extends InputPlan {
  /**
   * Variance of the error in the outputs of its matrices, by the number of outliers / `step`, relative to the variance that `findLosses`
   * measures without any.
   */
  readonly noise: readonly number[];
  /** (inputs,) for each token */
  readonly tokens: readonly Float32Array[];
}

/**
 * The cost of rounding an input is the divergence of a float32 model in which only this input is rounded. Inside the engine,
 * any change in rounding changes the divergence as much as a single input does, so it cannot be measured there. With some
 * channels as outliers, the cost falls as the variance of the rounding error does: as the square of the step of each token.
 * @param encodings of the calibration text, with masks
 * @param budget the limit of extra work, as a fraction
 * @param progress is told the share of the work that is done
 * @throws naming the input whose values are not finite
 */
export async function calibrate(
  weights: EncoderWeights,
  bits: 4 | 8,
  encodings: readonly Encoding[],
  budget: number,
  progress: (share: number) => void = () => undefined,
): Promise<Calibrated> {
  const step = CHANNELS[bits];
  const observed = await observe(weights, bits, encodings);
  // With 4 bits, the rounding of the weights takes about as long.
  const inLosses = bits === 4 ? 1 / 2 : 1;
  const losses = await findLosses(weights, observed.map(withoutOutliers), encodings, (done) =>
    progress(done * inLosses),
  );
  const candidates = losses.map(({ stored, input, loss }) => {
    const { outliers, noise } = (observed[stored] as (typeof observed)[number])[input];
    return { stored, input, loss, outliers, noise, chosen: 0 };
  });
  const lossOf = ({ loss, noise }: (typeof candidates)[number], count: number) => loss * (noise[count / step] ?? 1);
  const workOf = (stored: number, input: OutlierInput, count: number) =>
    extraWork(weights, (s, i) => (s === stored && i === input ? count : 0));

  // Greedily: the outliers that gain most for their work, while the budget allows any.
  let extra = 0;
  // Each turn gives an input at least one step more.
  const turns = candidates.reduce((sum, { noise }) => sum + noise.length, 0);
  for (let turn = 0; turn < turns; turn++) {
    if (candidates.reduce((sum, one) => sum + lossOf(one, one.chosen), 0) <= ENOUGH) break;
    let best: { of: (typeof candidates)[number]; count: number; work: number; worth: number } | undefined;
    for (const of of candidates) {
      const { stored, input, chosen, noise } = of;
      for (let count = chosen + step; count < noise.length * step; count += step) {
        const work = workOf(stored, input, count) - workOf(stored, input, chosen);
        const worth = (lossOf(of, chosen) - lossOf(of, count)) / work;
        if (extra + work <= budget && worth > (best?.worth ?? 0)) best = { of, count, work, worth };
      }
    }
    if (!best) break;
    best.of.chosen = best.count;
    extra += best.work;
  }
  let done = 0;
  const { layers } = bits === 4 ? padWeights(weights, bits) : weights;
  const plan = observed.map((layer, stored) =>
    forInputs((input): InputPlan => {
      const chosen = candidates.find((one) => one.stored === stored && one.input === input)?.chosen ?? 0;
      const planned = { range: layer[input].range, outliers: layer[input].outliers.slice(0, chosen) };
      if (bits === 8) return planned;
      const places = placesOf(weights.config, bits, input);
      const tokens = layer[input].tokens.map((row) => spread(row, places));
      const rounded = roundOnText(layers[stored] ?? layers[0], input, padInput(planned, places), tokens);
      progress(inLosses + ((1 - inLosses) * ++done) / candidates.length);
      return { ...planned, rounded };
    }),
  );
  return {
    plan,
    choices: candidates.map((one) => ({
      stored: one.stored,
      input: one.input,
      without: lossOf(one, 0),
      loss: lossOf(one, one.chosen),
      chosen: one.chosen,
      channels: one.outliers.length,
    })),
    extra: extraWorkOf(weights, plan),
  };
}

/** @param layer padded, like its plan @param tokens (inputs,) each: the input on the calibration text */
function roundOnText(
  layer: Layer,
  input: OutlierInput,
  planned: InputPlan,
  tokens: readonly Float32Array[],
): FourBitRows {
  const matrix = plannedMatrix(layer, input, planned);
  const divisors = divisorsOf(layer, input, planned);
  const channels = channelOrder(matrix.inputs, planned.outliers);
  const inOrder = tokens.map((row) => Float32Array.from(channels, (channel) => row[channel]! / divisors[channel]!));
  const outliers = planned.outliers.length;
  return quantizeToFourBits(matrix, outliers, compensationFor(inOrder, matrix.inputs, outliers));
}

/** Ranges of all channels, all channels as outliers with the largest first, and what each number of them gains. */
async function observe(
  weights: EncoderWeights,
  bits: 4 | 8,
  encodings: readonly Encoding[],
): Promise<Record<OutlierInput, Observed>[]> {
  const run = await onnxRunner(buildTappedGraph(weights));
  const rows = new Map<string, Float32Array[]>();
  for (const encoding of encodings) {
    for (const [name, values] of await run(encoding)) {
      const [, stored, input] = /^layer\.(\d+)\.(\w+)\.\d+$/.exec(name) ?? [];
      if (stored === undefined || input === undefined) continue;
      const width = values.length / encoding.input_ids.length;
      const key = `${stored}.${input}`;
      const bad = values.findIndex((value) => !Number.isFinite(value));
      if (bad >= 0) {
        throw new Error(`layer.${key}: its input is not finite on the calibration text, at channel ${bad % width}`);
      }
      const texts = rows.get(key) ?? [];
      rows.set(key, texts);
      for (let at = 0; at < values.length; at += width) texts.push(values.slice(at, at + width));
    }
  }
  return weights.layers.map((layer, stored) =>
    forInputs((input) => {
      const tokens = rows.get(`${stored}.${input}`) ?? [];
      const matrix = matrixOf(layer, input);
      const columns = Array.from({ length: matrix.inputs }, (_, channel) =>
        Float32Array.from(tokens, (row) => Math.abs(row[channel] as number)).toSorted(),
      );
      const range = Float32Array.from(columns, (values) =>
        Number((values[Math.floor(WITHIN_RANGE * (values.length - 1))] ?? 0).toPrecision(3)),
      );
      const divisors = divisorsOf(layer, input, { range, outliers: [] });
      const smooth = multiplyColumns(matrix, divisors);
      const errors = roundingErrors(smooth, bits, weights.config, input);
      // The variance that the rounded weights of each channel add to the outputs.
      const ofWeights = Float64Array.from(errors, (error, channel) => {
        let squares = 0;
        for (const row of tokens) {
          const value = row[channel]! / divisors[channel]!;
          squares += value * value;
        }
        return squares * error;
      });
      const largest = columns.map((values, channel) => (values.at(-1) ?? 0) / (divisors[channel] as number));
      // With 8 bits, rounding the inputs costs most; with 4, rounding the weights.
      const rank = bits === 8 ? largest : ofWeights;
      const outliers = columns.map((_, channel) => channel).toSorted((a, b) => (rank[b] ?? 0) - (rank[a] ?? 0));
      return { range, outliers, tokens, noise: noiseOf(tokens, divisors, smooth, ofWeights, outliers, bits) };
    }),
  );
}

/**
 * `Observed.noise`: of the rounded input, a twelfth of the squared step of a token, and of the rounded weights.
 * @param tokens (inputs,) each
 * @param ofWeights (inputs,) the variance by the rounded weights of each channel
 * @param outliers all channels, the first outlier first
 */
function noiseOf(
  tokens: readonly Float32Array[],
  divisors: Float32Array,
  matrix: Omit<Linear, 'bias'>,
  ofWeights: Float64Array,
  outliers: readonly number[],
  bits: 4 | 8,
): number[] {
  const step = CHANNELS[bits];
  const weightEnergy = new Float64Array(matrix.inputs);
  for (const [i, w] of matrix.weight.entries()) weightEnergy[i % matrix.inputs]! += w * w;
  const least = new Float32Array(tokens.length).fill(Infinity);
  const most = new Float32Array(tokens.length).fill(-Infinity);
  const found: number[] = [];
  let [energy, byWeights, byInput] = [0, 0, 0];
  for (let count = outliers.length - 1; count >= 0; count--) {
    const channel = outliers[count] as number;
    for (const [t, row] of tokens.entries()) {
      const value = row[channel]! / divisors[channel]!;
      least[t] = Math.min(least[t]!, value);
      most[t] = Math.max(most[t]!, value);
    }
    energy += weightEnergy[channel]!;
    byWeights += ofWeights[channel]!;
    // As many outliers as stand before it; an input keeps at least one step of others.
    if (count % step !== 0 || count > Math.min(MAX_OUTLIERS, outliers.length - step)) continue;
    const squaredSteps = least.reduce((sum, low, t) => sum + ((most[t]! - low) / 127) ** 2, 0);
    byInput = (squaredSteps / 12) * energy;
    found[count / step] = byInput + byWeights;
  }
  // `findLosses` rounds only the inputs. With 8 bits, the weights add so little that its loss stands for both.
  const measured = bits === 8 ? found[0] : byInput;
  return found.map((variance) => (measured ? variance / measured : 1));
}

/** (inputs,) the sum of the squared rounding errors of the weights that an input meets. */
function roundingErrors(matrix: Linear, bits: 4 | 8, config: EncoderConfig, input: OutlierInput): Float64Array {
  const places = placesOf(config, bits, input);
  const { weight, inputs, outputs } = bits === 4 ? padMatrix(matrix, places) : matrix;
  const errors = new Float64Array(inputs);
  const fourBits = bits === 4 ? quantizeToFourBits({ weight, inputs, outputs }) : undefined;
  const { values, scales } = fourBits ?? quantizeRows(weight, outputs, inputs);
  for (const [i, w] of weight.entries()) {
    const [row, channel] = [Math.floor(i / inputs), i % inputs];
    const step = fourBits?.steps[Math.floor(i / STEP_INPUTS)] ?? 1;
    errors[channel]! += (w - values[i]! * step * scales[row]!) ** 2;
  }
  return bits === 4 ? Float64Array.from(places.of, (place) => errors[place]!) : errors;
}

/** What the rounding of each input costs if nothing else in the model is rounded; outliers of the plan are exact. */
export async function findLosses(
  weights: EncoderWeights,
  plan: readonly LayerPlan[],
  encodings: readonly Encoding[],
  progress: (share: number) => void = () => undefined,
): Promise<InputLoss[]> {
  const run = await onnxRunner(buildProbedGraph(weights, plan));
  const exact = new Map<string, Float32Array>();
  for (const [stored, layer] of plan.entries()) {
    for (const input of OUTLIER_INPUTS) {
      exact.set(probeName(stored, input), new Float32Array(layer[input].range.length).fill(1));
    }
  }
  const distributions = async (encoding: Encoding, switches: ReadonlyMap<string, Float32Array>) => {
    const logits = (await run(encoding, switches)).get('logits') ?? new Float32Array();
    return Array.from(encoding.masked_positions, (_, m) => {
      const row = logits.subarray(m * weights.config.vocab_size, (m + 1) * weights.config.vocab_size);
      return { logits: row, log_sum_exp: logSumExp(row) };
    });
  };
  const expected: ReferenceDistribution[][] = [];
  for (const encoding of encodings) expected.push((await distributions(encoding, exact)).map(withScores));
  const losses: InputLoss[] = [];
  progress(0);
  for (const [stored, layer] of plan.entries()) {
    for (const input of OUTLIER_INPUTS) {
      const { range, outliers } = layer[input];
      const switches = new Map(exact);
      switches.set(
        probeName(stored, input),
        range.map((_, channel) => (outliers.includes(channel) ? 1 : 0)),
      );
      let sum = 0;
      for (const [i, encoding] of encodings.entries()) {
        const found = await distributions(encoding, switches);
        for (const [m, q] of found.entries()) sum += divergence(expected[i]?.[m] as ReferenceDistribution, q);
      }
      losses.push({ stored, input, loss: sum / expected.flat().length });
      progress(losses.length / exact.size);
    }
  }
  return losses;
}

/** For one token, with this many outliers of each input, as a fraction of the multiply-adds in the layers. */
function extraWork({ config }: EncoderWeights, outliers: (stored: number, input: OutlierInput) => number): number {
  const { hidden_size: H, intermediate_size: F } = config;
  const outputs = { query_key_value: 3 * H, attention: H, feed_forward: F, output: H };
  let [extra, all] = [0, 0];
  for (const stored of layerOrder(config)) {
    for (const input of OUTLIER_INPUTS) {
      const count = outliers(stored, input);
      if (count > 0) extra += (count + START) * outputs[input];
      all += (input === 'output' ? F : H) * outputs[input];
    }
  }
  return extra / all;
}

/** The extra work of a plan in the layers, as a fraction. */
export const extraWorkOf = (weights: EncoderWeights, plan: readonly LayerPlan[]): number =>
  extraWork(weights, (stored, input) => plan[stored]?.[input].outliers.length ?? 0);

/** The input whose rounding costs most. */
export async function worstInput(
  weights: EncoderWeights,
  plan: readonly LayerPlan[],
  encodings: readonly Encoding[],
): Promise<InputLoss> {
  const losses = await findLosses(weights, plan, encodings);
  return losses.reduce((worst, one) => (one.loss > worst.loss ? one : worst));
}
