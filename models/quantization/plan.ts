/** How the inputs of the layers are quantized: their outlier channels, and the divisors of the channels. No I/O. */
import { layerOrder, type LayerOutliers, type OutlierInput } from '../../src/inference/efm-format.ts';
import type { EncoderWeights, Layer, LayerNorm, Linear } from '../checkpoint/encoder.ts';
import { type FourBitRows, quantizeToFourBits } from './int4.ts';
import { concatenate, multiplyColumns, smoothing } from './int8.ts';

/** The plan for one input of a stored layer. */
export interface InputPlan {
  /** (inputs,): the range of each channel */
  readonly range: Float32Array;
  /** Outlier channels, the largest first. */
  readonly outliers: readonly number[];
  /** With 4 bits: its matrix as `fourBitRows` returns it, if the rounding compensates its errors on a calibration text. */
  readonly rounded?: FourBitRows;
}
export type LayerPlan = Readonly<Record<OutlierInput, InputPlan>>;

/** Inputs that are outputs of a layer norm: their divisors are folded into the weights on both sides. */
const SMOOTHED: ReadonlySet<OutlierInput> = new Set(['query_key_value', 'feed_forward']);

/** The matrix of an input; query, key and value are joined. */
export function matrixOf(layer: Layer, input: OutlierInput): Linear {
  switch (input) {
    case 'query_key_value':
      return concatenate(layer.query, layer.key, layer.value);
    case 'attention':
      return layer.attention;
    case 'feed_forward':
      return layer.feedForward;
    case 'output':
      return layer.feedForwardOutput;
  }
}

/** (inputs,) divisors of the channels of an input before quantization; 1 if it is not smoothed. */
export function divisorsOf(layer: Layer, input: OutlierInput, { range }: InputPlan): Float32Array {
  const matrix = matrixOf(layer, input);
  return SMOOTHED.has(input) ? smoothing(range, matrix) : new Float32Array(matrix.inputs).fill(1);
}

/** @param norm the layer norm before the input, if its matrix is smoothed */
function uncalibratedInput(width: number, norm?: LayerNorm): InputPlan {
  // Three standard deviations.
  const range = norm?.gamma.map((g, channel) => 3 * Math.abs(g) + Math.abs(norm.beta[channel]!));
  return { range: range ?? new Float32Array(width), outliers: [] };
}

/** Without a calibration text, ranges follow from the layer norm before an input, and there are no outliers. */
export function uncalibratedPlan({ config, embeddings, layers }: EncoderWeights): LayerPlan[] {
  const order = layerOrder(config);
  return layers.map((layer, stored) => {
    // A layer that is applied several times follows several layer norms: the one of its last application counts.
    const at = order.lastIndexOf(stored);
    const before =
      at > 0 ? layers[order[at - 1] ?? 0]?.outputNorm : embeddings.projection ? undefined : embeddings.norm;
    return {
      query_key_value: uncalibratedInput(config.hidden_size, before),
      attention: uncalibratedInput(config.hidden_size),
      feed_forward: uncalibratedInput(config.hidden_size, layer.attentionNorm),
      output: uncalibratedInput(config.intermediate_size),
    };
  });
}

export function forInputs<T>(value: (input: OutlierInput) => T): Record<OutlierInput, T> {
  return {
    query_key_value: value('query_key_value'),
    attention: value('attention'),
    feed_forward: value('feed_forward'),
    output: value('output'),
  };
}

export const withoutOutliers = (layer: LayerPlan): LayerPlan =>
  forInputs((input) => ({ range: layer[input].range, outliers: [] }));

/** Without what the rounding of the weights compensates. */
export const roundedToNearest = (layer: LayerPlan): LayerPlan =>
  forInputs((input) => ({ range: layer[input].range, outliers: layer[input].outliers }));

export function outlierCounts(plan: readonly LayerPlan[]): LayerOutliers[] {
  return plan.map((layer) => forInputs((input) => layer[input].outliers.length));
}

/**
 * The permutation that moves outliers to the front, as swaps: channel i is swapped with channel swaps[i], for i = 0, 1, ….
 * @param outliers channels, each once
 */
export function swapsOf(outliers: readonly number[]): number[] {
  // The current position of each channel.
  const moved = new Map<number, number>();
  return outliers.map((channel, i) => {
    const at = moved.get(channel) ?? channel;
    // The channel at i moves to the former position of the outlier.
    const standing = [...moved].find(([, place]) => place === i)?.[0] ?? i;
    moved.set(standing, at);
    moved.set(channel, i);
    return at;
  });
}

/** (outputs, inputs) with the columns permuted as the engine permutes the input. */
export function permuteColumns<T extends Pick<Linear, 'weight' | 'inputs'>>(linear: T, swaps: readonly number[]): T {
  const { inputs } = linear;
  const weight = linear.weight.slice();
  for (let row = 0; row < weight.length; row += inputs) {
    for (const [i, other] of swaps.entries()) {
      const value = weight[row + i] as number;
      weight[row + i] = weight[row + other] as number;
      weight[row + other] = value;
    }
  }
  return { ...linear, weight };
}

/** (inputs,): the channel of each column after `permuteColumns` */
export function channelOrder(inputs: number, outliers: readonly number[]): number[] {
  const channels = { weight: Float32Array.from({ length: inputs }, (_, k) => k), inputs };
  return [...permuteColumns(channels, swapsOf(outliers)).weight];
}

/** The matrix of an input as it meets the quantized input: smoothed, with the columns of outliers in front. */
export function plannedMatrix(layer: Layer, input: OutlierInput, planned: InputPlan): Linear {
  const smooth = multiplyColumns(matrixOf(layer, input), divisorsOf(layer, input, planned));
  return permuteColumns(smooth, swapsOf(planned.outliers));
}

/** The same in 4 bits. */
export const fourBitRows = (layer: Layer, input: OutlierInput, planned: InputPlan): FourBitRows =>
  planned.rounded ?? quantizeToFourBits(plannedMatrix(layer, input, planned), planned.outliers.length);
