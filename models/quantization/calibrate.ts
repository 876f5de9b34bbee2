/**
 * Chooses how the inputs of the layers are quantized: ranges of channels and candidates for outliers from a calibration text in
 * float32, then the share of outliers of each input by the divergence that the engine measures. No I/O of its own.
 */
import {
  layerOrder,
  MAX_OUTLIERS,
  OUTLIER_INPUTS,
  type OutlierInput,
  STEP_INPUTS,
} from '../../src/inference/efm-format.ts';
import type { Encoding } from '../../src/inference/backend.ts';
import type { EncoderWeights } from '../checkpoint/encoder.ts';
import { type PackCache, packEngineFile } from '../engine/pack.ts';
import { divergence, type ReferenceDistribution, runOne, withScores } from '../evaluation/agreement.ts';
import { engineBackend, onnxBackend, onnxRunner } from '../evaluation/backends.ts';
import { buildGraph, buildTappedGraph } from '../onnx/encoder.ts';
import { divisorsOf, forInputs, type InputPlan, type LayerPlan } from './plan.ts';

/** Limit of extra multiply-adds in the layers, as a fraction, by default. */
export const DEFAULT_BUDGET = 0.08;
/** Shares of an input's channels that are tried. */
const SHARES = [0.02, 0.04, 0.08, 0.16];
/** Divergence in nats below which more outliers are not worth their time: a third of the limit of `measure`. */
const ENOUGH = 0.0006;
/** The fraction of a channel's values within its range: a single token should not determine it. */
const WITHIN_RANGE = 0.99;

/** A row of the table: the gain from outliers of one kind of input alone. */
interface Choice {
  readonly input: OutlierInput;
  /** (shares,) divergence in nats with so many outliers of this input in every layer, and none of any other; none first */
  readonly divergences: readonly number[];
  readonly chosen: number;
  readonly channels: number;
}

interface Calibrated {
  readonly plan: LayerPlan[];
  readonly choices: readonly Choice[];
  /** Extra multiply-adds in the layers, as a share. */
  readonly extra: number;
}

/**
 * An input has the same share in all layers. The gain for a single layer is smaller than the noise: any change in rounding
 * changes the divergence as much.
 * @param encodings of the calibration text, with masks
 * @param budget the most extra multiply-adds, as a share
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
  const ranked = await rankChannels(weights, encodings);
  const counts = forInputs(() => 0);
  const planOf = (chosen: Readonly<Record<OutlierInput, number>>) =>
    ranked.map((layer) => forInputs((input) => cut(layer[input], chosen[input])));
  const measure = await divergenceMeasure(weights, bits, encodings);
  const none = await measure(planOf(counts));
  const step = bits === 4 ? STEP_INPUTS : 8;
  const measured = [];
  for (const [i, input] of OUTLIER_INPUTS.entries()) {
    const channels = ranked[0]?.[input].range.length ?? 0;
    const tried = SHARES.map((share) => Math.max(step, step * Math.round((share * channels) / step)));
    const options = [{ count: 0, divergence: none }];
    const counted = [...new Set(tried.filter((c) => c <= Math.min(channels - step, MAX_OUTLIERS)))];
    for (const [k, count] of counted.entries()) {
      progress((i + k / counted.length) / OUTLIER_INPUTS.length);
      options.push({ count, divergence: await measure(planOf({ ...counts, [input]: count })) });
    }
    measured.push({ input, channels, options });
  }
  progress(1);

  // Greedy: takes the step with the largest gain per multiply-add while the budget allows one.
  let expected = none;
  while (expected > ENOUGH) {
    const steps = measured.flatMap(({ input, options }) => {
      const at = options.findIndex(({ count }) => count === counts[input]);
      const now = options[at]?.divergence ?? none;
      return options.slice(at + 1).map(({ count, divergence: then }) => {
        const extra = extraMultiplyAdds(weights, planOf({ ...counts, [input]: count }));
        const cost = extra - extraMultiplyAdds(weights, planOf(counts));
        return { input, count, extra, gain: now - then, worth: (now - then) / cost };
      });
    });
    const [best] = steps.filter(({ gain, extra }) => gain > 0 && extra <= budget).toSorted((a, b) => b.worth - a.worth);
    if (!best) break;
    counts[best.input] = best.count;
    expected -= best.gain;
  }
  const plan = planOf(counts);
  return {
    plan,
    choices: measured.map(({ input, channels, options }) => ({
      input,
      divergences: options.map((option) => option.divergence),
      chosen: counts[input],
      channels,
    })),
    extra: extraMultiplyAdds(weights, plan),
  };
}

const cut = ({ range, outliers }: InputPlan, count: number): InputPlan => ({
  range,
  outliers: outliers.slice(0, count),
});

/** Ranges of all channels, and all channels as outliers, the one with the largest value first. */
async function rankChannels(weights: EncoderWeights, encodings: readonly Encoding[]): Promise<LayerPlan[]> {
  const run = await onnxRunner(buildTappedGraph(weights));
  const sizes = new Map<string, number[][]>();
  for (const encoding of encodings) {
    for (const [name, values] of await run(encoding)) {
      const [, stored, input] = /^layer\.(\d+)\.(\w+)\.\d+$/.exec(name) ?? [];
      if (stored === undefined || input === undefined) continue;
      const width = values.length / encoding.input_ids.length;
      const key = `${stored}.${input}`;
      const channels = sizes.get(key) ?? Array.from({ length: width }, (): number[] => []);
      sizes.set(key, channels);
      for (const [i, value] of values.entries()) {
        if (!Number.isFinite(value)) {
          throw new Error(`layer.${key}: its input is not finite on the calibration text, at channel ${i % width}`);
        }
        (channels[i % width] as number[]).push(Math.abs(value));
      }
    }
  }
  return weights.layers.map((layer, stored) => {
    return forInputs((input) => {
      const channels = (sizes.get(`${stored}.${input}`) ?? []).map((values) => Float32Array.from(values).toSorted());
      const range = Float32Array.from(
        channels,
        (values) => values[Math.floor(WITHIN_RANGE * (values.length - 1))] ?? 0,
      );
      const rounded = range.map((value) => Number(value.toPrecision(3)));
      const divisors = divisorsOf(layer, input, { range: rounded, outliers: [] });
      const largest = channels.map((values, channel) => (values.at(-1) ?? 0) / (divisors[channel] as number));
      const outliers = largest.map((_, channel) => channel).toSorted((a, b) => (largest[b] ?? 0) - (largest[a] ?? 0));
      return { range: rounded, outliers };
    });
  });
}

/** @returns a function that measures the mean divergence of a plan, in nats, on these texts */
async function divergenceMeasure(
  weights: EncoderWeights,
  bits: 4 | 8,
  encodings: readonly Encoding[],
): Promise<(plan: readonly LayerPlan[]) => Promise<number>> {
  const reference = await onnxBackend(buildGraph(weights, 'float32'));
  const expected: ReferenceDistribution[][] = [];
  for (const encoding of encodings) expected.push((await runOne(reference, encoding)).map(withScores));
  const masks = expected.flat().length;
  const cache: PackCache = new Map();
  return async (plan) => {
    const engine = await engineBackend(packEngineFile(weights, bits, plan, cache));
    let sum = 0;
    for (const [i, encoding] of encodings.entries()) {
      const found = await runOne(engine, encoding);
      for (const [m, q] of found.entries()) sum += divergence(expected[i]?.[m] as ReferenceDistribution, q);
    }
    return sum / masks;
  };
}

/** In the layers for one token, of so many channels of each input. */
function multiplyAdds({ config }: EncoderWeights, channels: (stored: number, input: OutlierInput) => number): number {
  const { hidden_size: H, intermediate_size: F } = config;
  const outputs = { query_key_value: 3 * H, attention: H, feed_forward: F, output: H };
  let sum = 0;
  for (const stored of layerOrder(config)) {
    for (const input of OUTLIER_INPUTS)
      sum += Math.min(input === 'output' ? F : H, channels(stored, input)) * outputs[input];
  }
  return sum;
}

/** The extra multiply-adds of a plan in the layers, as a share. */
export function extraMultiplyAdds(weights: EncoderWeights, plan: readonly LayerPlan[]): number {
  const extra = multiplyAdds(weights, (stored, input) => plan[stored]?.[input].outliers.length ?? 0);
  return extra / multiplyAdds(weights, () => Infinity);
}

/** The input whose divergence falls most if a fifth of its channels become outliers. */
export async function worstInput(
  weights: EncoderWeights,
  bits: 4 | 8,
  plan: readonly LayerPlan[],
  encodings: readonly Encoding[],
): Promise<{ name: string; before: number; after: number }> {
  const ranked = await rankChannels(weights, encodings);
  const measure = await divergenceMeasure(weights, bits, encodings);
  const step = bits === 4 ? STEP_INPUTS : 8;
  const before = await measure(plan);
  let worst = { name: 'layer.0.query_key_value', before, after: Infinity };
  for (const [stored, layer] of ranked.entries()) {
    for (const input of OUTLIER_INPUTS) {
      const now = plan[stored]?.[input];
      if (!now) continue;
      const more = layer[input].outliers.filter((channel) => !now.outliers.includes(channel));
      const wanted = Math.min(MAX_OUTLIERS, step * Math.floor((0.2 * now.range.length) / step));
      const outliers = [...now.outliers, ...more].slice(0, Math.max(wanted, now.outliers.length));
      const changed = plan.with(stored, { ...plan[stored], [input]: { ...now, outliers } } as LayerPlan);
      const after = await measure(changed);
      if (after < worst.after) worst = { name: `layer.${stored}.${input}`, before, after };
    }
  }
  return worst;
}
