/**
 * npm run models -- ablate: what each rounded part of a model costs by itself, and what each step of the quantization gains.
 * No I/O of its own.
 */
import type { Backend, Encoding, Logits } from '../../src/inference/backend.ts';
import { OUTLIER_INPUTS, type OutlierInput } from '../../src/inference/efm-format.ts';
import type { QuantizationError } from '../../src/schemas/model.ts';
import type { Checkpoint } from '../build/build.ts';
import type { EncoderWeights, Layer, Linear } from '../checkpoint/encoder.ts';
import { packEngineFile } from '../engine/pack.ts';
import { buildGraph, buildProbedGraph, probeName } from '../onnx/encoder.ts';
import { type Int8Scheme, SERVED } from '../onnx/linear.ts';
import { fourBitWeights } from '../quantization/int4.ts';
import { quantizeRows } from '../quantization/int8.ts';
import { roundColumn, roundingRest } from '../quantization/lanes.ts';
import {
  channelOrder,
  divisorsOf,
  fourBitRows,
  type InputPlan,
  type LayerPlan,
  plannedMatrix,
  roundedToNearest,
  uncalibratedPlan,
  withoutOutliers,
} from '../quantization/plan.ts';
import { compareBackends } from './agreement.ts';
import { engineBackend, logSumExp, onnxBackend, onnxRunner } from './backends.ts';

/** A model with some of its parts rounded. */
export interface Part {
  readonly name: string;
  readonly make: () => Promise<Backend>;
}

const PLAIN: Int8Scheme = {
  scales: 'per tensor',
  smooth: false,
  ends: 'int8',
  decoder: 'once',
  feedForwardOutput: 'once',
  outliers: false,
};

/** Each adds to the previous one, up to what is served. */
const GRAPH_STEPS: readonly (readonly [name: string, scheme: Int8Scheme])[] = [
  ['one scale a tensor (`DynamicQuantizeMatMul`)', PLAIN],
  ['a scale for each token and each output', { ...PLAIN, scales: 'fine' }],
  ['+ smoothing', { ...PLAIN, scales: 'fine', smooth: true }],
  ['+ projection and MLM dense in float32', { ...SERVED, decoder: 'once', feedForwardOutput: 'once', outliers: false }],
  ['+ decoder twice', { ...SERVED, feedForwardOutput: 'once', outliers: false }],
  ['+ feed-forward output moved', { ...SERVED, outliers: false }],
  ['+ outlier channels: as served', SERVED],
];

const float32 = (name: string, changed: () => EncoderWeights): Part => ({
  name,
  make: () => onnxBackend(buildGraph(changed(), 'float32')),
});

/**
 * First what each part costs if nothing else is rounded, as the engine rounds it. Then both files as a whole, in the steps that
 * lead to what is served.
 */
export function partsOf({ weights, bits, plan }: Pick<Checkpoint, 'weights' | 'bits' | 'plan'>): Part[] {
  const bare = plan.map(withoutOutliers);
  let probed: ReturnType<typeof onnxRunner> | undefined;
  const engine = (name: string, planned: readonly LayerPlan[]): Part => ({
    name: `model.efm, ${name}`,
    make: () => engineBackend(packEngineFile(weights, bits, planned)),
  });
  const rounded = (inputs: readonly OutlierInput[]) => roundLayers(weights, inputs, plan, bits);
  return [
    ...OUTLIER_INPUTS.map((input) => float32(`weights of ${input}`, () => rounded([input]))),
    float32('weights of all layers', () => rounded(OUTLIER_INPUTS)),
    ...(bits === 8
      ? [float32('weights of all layers, without the limit of lanes', () => roundLayers(weights, OUTLIER_INPUTS, plan))]
      : []),
    float32('word embeddings', () => roundWords(weights)),
    float32('projection and heads', () => roundEnds(weights)),
    ...OUTLIER_INPUTS.flatMap((input) =>
      [bare, plan].map((planned) => ({
        name: `inputs of ${input}, ${planned === plan ? 'with' : 'without'} outlier channels`,
        make: async () => {
          probed ??= onnxRunner(buildProbedGraph(weights, plan));
          return probedBackend(await probed, weights, planned, input);
        },
      })),
    ),
    engine('without a calibration text', uncalibratedPlan(weights)),
    engine('with ranges from the text', bare),
    ...(bits === 4 ? [engine('with outlier channels, rounded to the nearest', plan.map(roundedToNearest))] : []),
    engine(`with outlier channels${bits === 4 ? ', errors compensated' : ''}: as served`, plan),
    ...GRAPH_STEPS.map(([name, scheme]) => ({
      name: `model.onnx, ${name}`,
      make: () => onnxBackend(buildGraph(weights, bits === 4 ? { ...scheme, layer_bits: 4 } : scheme, plan)),
    })),
  ];
}

/** @param report gets the error of each part, in their order */
export async function ablate(
  weights: EncoderWeights,
  parts: readonly Part[],
  encodings: readonly Encoding[],
  report: (name: string, error: QuantizationError) => void,
): Promise<void> {
  const reference = remembering(await onnxBackend(buildGraph(weights, 'float32')));
  for (const { name, make } of parts) {
    const backend = await make();
    const [error] = await compareBackends([backend], reference, encodings);
    await backend.dispose?.();
    if (error) report(name, error);
  }
}

function remembering(backend: Backend): Backend {
  const known = new Map<Encoding, Logits[]>();
  return {
    async run(batch) {
      const [only] = batch as [Encoding];
      const answers = known.get(only) ?? (await backend.run(batch));
      known.set(only, answers);
      return answers;
    },
  };
}

/** In float32, but one input of all layers is rounded; outliers of the plan are exact. */
function probedBackend(
  run: Awaited<ReturnType<typeof onnxRunner>>,
  { config }: EncoderWeights,
  plan: readonly LayerPlan[],
  rounded: OutlierInput,
): Backend {
  const switches = new Map(
    plan.flatMap((layer, stored) =>
      OUTLIER_INPUTS.map((input) => {
        const { range, outliers } = layer[input];
        const exact = range.map((_, channel) => (input !== rounded || outliers.includes(channel) ? 1 : 0));
        return [probeName(stored, input), exact] as const;
      }),
    ),
  );
  return {
    run: (batch) =>
      Promise.all(
        batch.map(async (encoding) => {
          const mlm = (await run(encoding, switches)).get('logits') ?? new Float32Array();
          const log_sum_exp = Float64Array.from(encoding.masked_positions, (_, m) =>
            logSumExp(mlm.subarray(m * config.vocab_size, (m + 1) * config.vocab_size)),
          );
          return { mlm, log_sum_exp, sentence: new Float32Array() };
        }),
      ),
  };
}

const MATRICES = {
  query_key_value: ['query', 'key', 'value'],
  attention: ['attention'],
  feed_forward: ['feedForward'],
  output: ['feedForwardOutput'],
} as const satisfies Record<OutlierInput, readonly (keyof Layer)[]>;

/** @param bits as in the engine; if not given, int8 without the limit of lanes */
function roundLayers(
  weights: EncoderWeights,
  inputs: readonly OutlierInput[],
  plan: readonly LayerPlan[],
  bits?: 4 | 8,
): EncoderWeights {
  const [first, ...others] = weights.layers.map((layer, stored) => {
    const changed: { -readonly [K in keyof Layer]: Layer[K] } = { ...layer };
    for (const input of inputs) {
      const planned = plan[stored]?.[input];
      if (!planned) throw new RangeError(`the plan has no layer ${stored}`);
      const weight = roundMatrix(layer, input, planned, bits);
      let at = 0;
      for (const matrix of MATRICES[input]) {
        const linear = layer[matrix];
        changed[matrix] = { ...linear, weight: weight.subarray(at, at + linear.weight.length) };
        at += linear.weight.length;
      }
    }
    return changed;
  }) as [Layer, ...Layer[]];
  return { ...weights, layers: [first, ...others] };
}

/** Smoothed, permuted, rounded, and all of it undone. @returns (outputs, inputs) */
function roundMatrix(layer: Layer, input: OutlierInput, planned: InputPlan, bits?: 4 | 8): Float32Array {
  const values =
    bits === 4
      ? fourBitWeights(fourBitRows(layer, input, planned))
      : eightBitValues(plannedMatrix(layer, input, planned), bits === 8);
  const divisors = divisorsOf(layer, input, planned);
  const inputs = divisors.length;
  const channels = channelOrder(inputs, planned.outliers);
  const weight = new Float32Array(values.length);
  for (const [i, value] of values.entries()) {
    const channel = channels[i % inputs]!;
    weight[i - (i % inputs) + channel] = value / divisors[channel]!;
  }
  return weight;
}

function eightBitValues({ weight, inputs, outputs }: Omit<Linear, 'bias'>, limited: boolean): Float32Array {
  if (!limited) {
    const { values, scales } = quantizeRows(weight, outputs, inputs);
    return Float32Array.from(values, (value, i) => value * scales[Math.floor(i / inputs)]!);
  }
  const found = new Float32Array(weight.length);
  for (let row = 0; row < outputs; row++) {
    const { values, scale } = roundColumn(weight.subarray(row * inputs, (row + 1) * inputs));
    for (const [k, value] of values.entries()) found[row * inputs + k] = value * scale;
  }
  return found;
}

function roundWords(weights: EncoderWeights): EncoderWeights {
  const { config, embeddings } = weights;
  const table = { weight: embeddings.words, inputs: config.embedding_size, outputs: config.vocab_size };
  return { ...weights, embeddings: { ...embeddings, words: eightBitValues(table, true) } };
}

function roundEnds(weights: EncoderWeights): EncoderWeights {
  const { config, embeddings, mlm } = weights;
  const round = <T extends Linear>(linear: T): T => ({ ...linear, weight: eightBitValues(linear, true) });
  const rest = roundingRest(mlm.dense);
  const second = rest && eightBitValues(rest, true);
  const dense = round(mlm.dense);
  const decoder = mlm.decoder && {
    weight: mlm.decoder,
    inputs: config.embedding_size,
    outputs: config.vocab_size,
  };
  return {
    ...weights,
    embeddings: { ...embeddings, projection: embeddings.projection && round(embeddings.projection) },
    mlm: {
      ...mlm,
      dense: { ...dense, weight: dense.weight.map((w, i) => w + (second?.[i] ?? 0)) },
      decoder: decoder && eightBitValues(decoder, true),
    },
  };
}
