/** The engine's kernels, compared with transformers, with their arithmetic in double precision, and with themselves. */
import { createHash } from 'node:crypto';

import { beforeAll, describe, expect, inject, it } from 'vitest';

import { makeArtifacts, readCheckpoint, weightsIn } from '../../../models/build/build.ts';
import type { EncoderConfig, EncoderWeights } from '../../../models/checkpoint/encoder.ts';
import { packEngineFile } from '../../../models/engine/pack.ts';
import { seeded } from '../../../models/evaluation/random.ts';
import { randomWeights } from '../../../models/evaluation/geometry-cost.ts';
import { kernelModule } from '../../../src/inference/compile-kernels.ts';
import { engineBackend } from '../../../models/evaluation/backends.ts';
import { encodeProbes } from '../../../models/convert/measure.ts';
import { BlobError, layerOrder, readHeader, widthsOf } from '../../../src/inference/efm-format.ts';
import type { Encoding, Logits } from '../../../src/inference/backend.ts';
import { type EngineBackend, loadEngine } from '../../../src/inference/engine.ts';
import { roundingRest } from '../../../models/quantization/lanes.ts';
import { forInputs, type LayerPlan, uncalibratedPlan } from '../../../models/quantization/plan.ts';
import { sample } from '../../../models/evaluation/random.ts';
import { buildGraph } from '../../../models/onnx/encoder.ts';
import { onnxBackend } from '../../../models/evaluation/backends.ts';
import { compareBackends } from '../../../models/evaluation/agreement.ts';
import { simulate, type Simulation } from './simulation.ts';

/** Of the default model. */
const VOCABULARY = 30_522;
const ROUNDING = 5e-5;
/** If one activation of a row is rounded the other way, its results move by about a hundredth. */
const FLIP = 0.05;
/** The same where activations have 14 bits: 7e-4 in a head of the default model. */
const FINE_FLIP = 1e-3;

let encodings: Encoding[];
let file: Uint8Array<ArrayBuffer>;
let relaxed: EngineBackend;
let plain: EngineBackend;

beforeAll(async () => {
  const checkpoint = await readCheckpoint(inject('built').id);
  encodings = await encodeProbes(checkpoint);
  file = weightsIn(await makeArtifacts(checkpoint), 'model.efm');
  relaxed = await engineBackend(file, 'relaxed');
  plain = await engineBackend(file, 'plain');
});

const hash = (answers: readonly Logits[]) =>
  answers
    .reduce(
      (digest, { mlm, sentence, log_sum_exp }) => digest.update(mlm).update(sentence).update(log_sum_exp),
      createHash('sha256'),
    )
    .digest('hex');

function encoding(length: number, masked: number[], seed: number, vocabulary = VOCABULARY, types = 1): Encoding {
  const random = seeded(seed);
  return {
    input_ids: Int32Array.from({ length }, () => random(vocabulary)),
    token_type_ids: Int32Array.from({ length }, () => random(types)),
    masked_positions: Int32Array.from(masked),
  };
}

const SMALL: EncoderConfig = {
  family: 'albert',
  vocab_size: 203,
  embedding_size: 48,
  hidden_size: 96,
  intermediate_size: 160,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  max_position_embeddings: 150,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  hidden_act: 'gelu_new',
  position_offset: 0,
  tie_word_embeddings: true,
  layers_stored: 1,
  inner_group_num: 1,
};

/** Embeddings as wide as the layers, each layer with its own weights, GELU by erf. */
const BERT: EncoderConfig = { ...SMALL, family: 'bert', embedding_size: 96, layers_stored: 3, hidden_act: 'gelu' };
/** Two groups of two layers, for a depth of three. */
const GROUPED: EncoderConfig = { ...SMALL, num_hidden_layers: 6, layers_stored: 4, inner_group_num: 2 };

/** No width is a multiple of 8, nor that of a head, as in rubert-tiny (312, heads of 26) and smaller. */
const ODD: EncoderConfig = {
  ...BERT,
  embedding_size: 78,
  hidden_size: 78,
  num_attention_heads: 3,
  intermediate_size: 101,
};
const ODD_ALBERT: EncoderConfig = { ...SMALL, embedding_size: 21, hidden_size: 100, num_attention_heads: 10 };

/** Outlier channels of each input, anywhere; another number of each. */
function withOutliers(weights: EncoderWeights, step = 8): LayerPlan[] {
  const counts = { query_key_value: 2 * step, attention: step, feed_forward: step, output: 3 * step };
  const random = seeded(5);
  return uncalibratedPlan(weights).map((layer) =>
    forInputs((input) => {
      const { range } = layer[input];
      return { range, outliers: sample(Array.from(range.keys()), counts[input], random) };
    }),
  );
}

/** A few channels of every input are 30 times as large as the rest. */
function spiked(config: EncoderConfig): { weights: EncoderWeights; plan: LayerPlan[] } {
  const weights = randomWeights(config);
  const plan = withOutliers(weights);
  for (const [i, layer] of weights.layers.entries()) {
    const channels = (input: keyof LayerPlan) => plan[i]?.[input].outliers ?? [];
    for (const channel of channels('feed_forward')) layer.attentionNorm.gamma[channel] = 30;
    for (const channel of channels('query_key_value')) layer.outputNorm.gamma[channel] = 30;
    for (const channel of channels('output')) layer.feedForward.bias[channel] = 30;
    for (const channel of channels('attention')) layer.value.bias[channel] = 30;
  }
  return { weights, plan };
}

/** With a decoder other than the words. */
function untied(config: EncoderConfig): EncoderWeights {
  const weights = randomWeights(config);
  return { ...weights, mlm: { ...weights.mlm, decoder: randomWeights(config, 2).embeddings.words } };
}

/** The matrix of the MLM head is close to the identity, so 8 bits for each output leave much of the rest. */
function nearIdentity(config: EncoderConfig): EncoderWeights {
  const weights = randomWeights(config);
  const { dense } = weights.mlm;
  for (const [i, w] of dense.weight.entries()) if (i % (dense.inputs + 1) === 0) dense.weight[i] = w + 2;
  return weights;
}

/** How many probes are run at once. That a text is answered alike alone is another test. */
const PACKED = 16;

async function hashes(packed: Uint8Array, build: 'relaxed' | 'plain' | 'fused'): Promise<string[]> {
  const backend = await engineBackend(packed, build === 'fused' ? 'relaxed' : build);
  if (build === 'fused') backend.kernels.fusedDot.value = 1;
  const found = [];
  for (let seed = 0; seed < 20; seed++) {
    found.push(hash(await backend.run([encoding(3 + 7 * seed, [1, 2], seed, SMALL.vocab_size, 2)])));
  }
  return found;
}

describe('the two builds, and the two inner loops of one,', () => {
  it('give the same bits on every sixth probe', async () => {
    const chosen: unknown = relaxed.kernels.fusedDot.value;
    try {
      const some = encodings.filter((_, i) => i % 6 === 0);
      for (let first = 0; first < some.length; first += PACKED) {
        const batch = some.slice(first, first + PACKED);
        const expected = hash(await plain.run(batch));
        // The loop for hosts with VNNI gives the same bits on others, too.
        for (const loop of [0, 1]) {
          relaxed.kernels.fusedDot.value = loop;
          expect(hash(await relaxed.run(batch))).toBe(expected);
        }
      }
    } finally {
      relaxed.kernels.fusedDot.value = chosen;
    }
  });

  it('give the same bits with weights and activations at their ends', async () => {
    const weights = randomWeights(SMALL);
    const { layers } = weights;
    for (const array of [layers[0].query.weight, layers[0].feedForward.weight, layers[0].feedForwardOutput.weight]) {
      for (const [i, value] of array.entries()) array[i] = Math.sign(value);
    }
    const packed = packEngineFile(weights);
    const expected = await hashes(packed, 'relaxed');
    expect(await hashes(packed, 'plain')).toEqual(expected);
    expect(await hashes(packed, 'fused')).toEqual(expected);
  });

  it.each([4, 8] as const)('give the same bits with outlier channels and weights of %i bits', async (bits) => {
    const weights = randomWeights(BERT);
    const packed = packEngineFile(weights, bits, withOutliers(weights, bits === 4 ? 32 : 8));
    const expected = await hashes(packed, 'relaxed');
    expect(await hashes(packed, 'plain')).toEqual(expected);
    expect(await hashes(packed, 'fused')).toEqual(expected);
  });

  it('give the same bits with a second matrix in the MLM head', async () => {
    const packed = packEngineFile(nearIdentity(BERT));
    const expected = await hashes(packed, 'relaxed');
    expect(await hashes(packed, 'plain')).toEqual(expected);
    expect(await hashes(packed, 'fused')).toEqual(expected);
  });

  it('give the same bits with weights of 4 bits', async () => {
    const packed = packEngineFile(randomWeights(BERT), 4);
    const expected = await hashes(packed, 'relaxed');
    expect(await hashes(packed, 'plain')).toEqual(expected);
    expect(await hashes(packed, 'fused')).toEqual(expected);
  });
});

describe('a matrix of zeros', () => {
  it.each(['query', 'key', 'value', 'attention', 'feedForward', 'feedForwardOutput'] as const)(
    'as %s leaves every number finite',
    async (name) => {
      const weights = randomWeights(SMALL);
      const { weight, bias } = weights.layers[0][name];
      weight.fill(0);
      bias.fill(0);
      const packed = packEngineFile(weights);
      const text = encoding(11, [2, 5], 1, SMALL.vocab_size, 2);
      const answers = await (await engineBackend(packed, 'relaxed')).run([text]);
      expect([...(answers[0]?.mlm ?? [NaN])].every(Number.isFinite)).toBe(true);
      expect(hash(await (await engineBackend(packed, 'plain')).run([text]))).toBe(hash(answers));
    },
  );
});

describe('outlier channels', () => {
  it('take error away where a few channels are large, in both files', async () => {
    const { weights, plan } = spiked(BERT);
    const texts = Array.from({ length: 6 }, (_, seed) => encoding(20, [2, 7, 11], seed, BERT.vocab_size, 2));
    const reference = await onnxBackend(buildGraph(weights, 'float32'));
    const error = async (outliers: LayerPlan[]) => {
      const engine = await engineBackend(packEngineFile(weights, 8, outliers));
      const onnx = await onnxBackend(buildGraph(weights, 'int8', outliers));
      const [ofEngine, ofOnnx] = await compareBackends([engine, onnx], reference, texts);
      return { engine: ofEngine?.mean_kl ?? NaN, onnx: ofOnnx?.mean_kl ?? NaN };
    };
    const without = await error(uncalibratedPlan(weights));
    const found = await error(plan);
    expect(found.engine).toBeLessThan(without.engine / 2);
    expect(found.onnx).toBeLessThan(without.onnx);
  });
});

describe('an MLM head near the identity', () => {
  it('gets a second matrix, after which its rounding costs next to nothing', async () => {
    const weights = { ...nearIdentity(BERT), sentence: undefined };
    const { dense } = weights.mlm;
    const rest = roundingRest(dense)?.weight ?? [];
    const rounded = { ...dense, weight: dense.weight.map((w, i) => w - (rest[i] ?? NaN)) };
    const served = [weights, { ...weights, mlm: { ...weights.mlm, dense: rounded } }].map((one) => packEngineFile(one));
    expect(served.map((packed) => readHeader(packed, packed.length).mlm_rest)).toEqual([true, false]);

    const reference = await onnxBackend(buildGraph(weights, 'float32'));
    const texts = Array.from({ length: 6 }, (_, seed) => encoding(20, [2, 7, 11], seed, BERT.vocab_size, 2));
    const backends = await Promise.all(served.map((packed) => engineBackend(packed)));
    const [found, once] = await compareBackends(backends, reference, texts);
    expect(found?.mean_kl).toBeLessThan((once?.mean_kl ?? 0) / 4);
  });

  it('of another kind has one matrix', () => {
    const packed = packEngineFile(randomWeights(BERT));
    expect(readHeader(packed, packed.length).mlm_rest).toBe(false);
  });
});

describe('a text', () => {
  it('is answered alike alone and in company, whatever the company', async () => {
    const batch = [...encodings.slice(0, 16), ...encodings.slice(-4), ...encodings.slice(0, 4)];
    const together = await relaxed.run(batch);
    for (const [i, one] of batch.entries()) expect(hash(await relaxed.run([one]))).toBe(hash([together[i] as Logits]));
  });

  it('is answered the same after any other', async () => {
    const [first, ...others] = [encodings[0], encodings.at(-1), encodings[0]].map((one) => [one as Encoding]);
    const before = hash(await relaxed.run(first ?? []));
    for (const one of others) await relaxed.run(one);
    expect(hash(await relaxed.run(first ?? []))).toBe(before);
  });

  it('may have any length up to the number of positions, and any number of masks', async () => {
    for (const length of [1, 2, 3, 4, 5, 7, 8, 9, 63, 64, 65, 127, 129, 511, 512]) {
      const masked = Array.from({ length: Math.min(length, 17) }, (_, i) => i);
      const [answer] = await relaxed.run([encoding(length, masked, length)]);
      expect(answer?.mlm.length).toBe(masked.length * VOCABULARY);
      expect(answer?.mlm.every(Number.isFinite)).toBe(true);
    }
    expect(await relaxed.run([])).toEqual([]);
    expect((await relaxed.run([encoding(5, [], 1)]))[0]?.mlm).toEqual(new Float32Array());
  });
});

/** For each row of each text. */
const differences = (ours: Float64Array[][], theirs: Float64Array[][]) =>
  ours.flatMap((rows, t) =>
    rows.map((row, r) => Math.max(...row.map((value, i) => Math.abs(value - (theirs[t]?.[r]?.[i] ?? NaN))))),
  );

/** Each step starts from the engine's own previous result, so that differences do not accumulate. */
async function compareSteps(packed: Uint8Array<ArrayBuffer>, texts: Encoding[]) {
  const model: Simulation = simulate(packed);
  const { hidden: H } = widthsOf(model.geometry, model.geometry.layer_bits);
  const backend = await engineBackend(packed);
  const { kernels } = backend;
  const total = texts.reduce((sum, { input_ids }) => sum + input_ids.length, 0);
  const read = () => {
    const all = Float64Array.from(new Float32Array(kernels.memory.buffer, kernels.hidden.value, total * H));
    let row = 0;
    return texts.map(({ input_ids }) => Array.from(input_ids, () => all.subarray(row * H, ++row * H)));
  };
  backend.write(texts);
  kernels.embed(texts.length);
  let hidden = read();
  const found = [
    differences(
      hidden,
      texts.map((text) => model.embed(text.input_ids, text.token_type_ids)),
    ),
  ];
  for (const layer of layerOrder(model.geometry)) {
    kernels.encode(layer, texts.length);
    const next = read();
    found.push(
      differences(
        next,
        hidden.map((rows) => model.encode(layer, rows)),
      ),
    );
    hidden = next;
  }
  const answers = await backend.run(texts);
  const heads = texts.flatMap(({ masked_positions }, t) => {
    const rows = hidden[t] ?? [];
    const [first = new Float64Array()] = rows;
    const { mlm, sentence, log_sum_exp } = answers[t] as Logits;
    const width = model.geometry.vocab_size;
    return [
      ...Array.from(masked_positions, (position, m) => {
        const expected = model.predict(rows[position] as Float64Array);
        const logarithm = Math.log(expected.reduce((sum, value) => sum + Math.exp(value), 0));
        return Math.max(
          ...expected.map((value, i) => Math.abs(value - (mlm[m * width + i] ?? NaN))),
          Math.abs(logarithm - (log_sum_exp[m] ?? NaN)),
        );
      }),
      Math.max(...model.classifyPair(first).map((value, i) => Math.abs(value - (sentence[i] ?? NaN)))),
    ];
  });
  return { steps: found, heads };
}

const TEXTS = [
  encoding(17, [3, 9], 1, 203, 2),
  encoding(3, [1], 2, 203, 2),
  encoding(70, [0, 5, 69], 3, 203, 2),
  encoding(8, [2], 4, 203, 2),
];

describe('every step of the engine', () => {
  it.each([
    ['ALBERT: a projection, one layer for all, GELU by tanh', () => packEngineFile(randomWeights(SMALL))],
    ['BERT: no projection, a layer each, GELU by erf', () => packEngineFile(randomWeights(BERT))],
    ['an ALBERT with groups of layers', () => packEngineFile(randomWeights(GROUPED))],
    ['a separate decoder', () => packEngineFile(untied(SMALL))],
    ['an MLM head near the identity', () => packEngineFile(nearIdentity(BERT))],
    ['weights of 4 bits', () => packEngineFile(randomWeights(BERT), 4)],
    ['outlier channels', () => packEngineFile(randomWeights(GROUPED), 8, withOutliers(randomWeights(GROUPED)))],
    ['widths that are padded', () => packEngineFile(randomWeights(ODD))],
    ['widths that are padded, with a projection', () => packEngineFile(randomWeights(ODD_ALBERT))],
    [
      'widths that are padded for 4 bits',
      () => packEngineFile(randomWeights(ODD), 4, withOutliers(randomWeights(ODD), 32)),
    ],
    [
      'widths that are padded, and outlier channels',
      () => packEngineFile(randomWeights(ODD), 8, withOutliers(randomWeights(ODD))),
    ],
    ['ReLU', () => packEngineFile(randomWeights({ ...BERT, hidden_act: 'relu' }))],
    [
      'SiLU, and GELU in the head',
      () => packEngineFile(randomWeights({ ...BERT, hidden_act: 'silu', head_act: 'gelu' })),
    ],
    [
      'outlier channels and weights of 4 bits',
      () => packEngineFile(randomWeights(BERT), 4, withOutliers(randomWeights(BERT), 32)),
    ],
  ])('is its arithmetic in double precision, for %s', async (_, pack) => {
    const { steps, heads } = await compareSteps(pack(), TEXTS);
    for (const rows of steps) {
      expect(Math.max(...rows)).toBeLessThan(FLIP);
      expect(median(rows)).toBeLessThan(ROUNDING);
    }
    expect(Math.max(...heads)).toBeLessThan(FINE_FLIP);
    expect(median(heads)).toBeLessThan(ROUNDING);
  });

  // Its activations are small, so the approximation of erf rounds one of the 1,536 of a row the other way in most rows.
  it('is that for the default model', async () => {
    const { steps, heads } = await compareSteps(file, encodings.slice(0, 3));
    for (const rows of steps) {
      expect(Math.max(...rows)).toBeLessThan(FLIP);
    }
    expect(Math.max(...heads)).toBeLessThan(FINE_FLIP);
    expect(median(heads)).toBeLessThan(ROUNDING);
  });
});

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

describe('the memory', () => {
  it('is the weights and less than 8 MB, at the width of ALBERT-base', async () => {
    const { config } = (await readCheckpoint(inject('built').id)).weights;
    const base = { hidden_size: 768, num_attention_heads: 12, intermediate_size: 3072 };
    // The memory of a run does not depend on the number of layers.
    const shallow = { num_hidden_layers: 2, layers_stored: 1 };
    const packed = packEngineFile(randomWeights({ ...config, ...base, ...shallow }));
    const backend = await engineBackend(packed);
    await backend.run([encoding(512, [1, 2], 1)]);
    expect(backend.kernels.memory.buffer.byteLength - packed.length).toBeLessThan(8_000_000);
  });

  it('is as large after a thousand runs as after the first', async () => {
    // What a run leaves behind does not depend on the size of the model.
    const backend = await engineBackend(packEngineFile(randomWeights(SMALL)));
    const run = (i: number) => backend.run([encoding(9, [1], i, SMALL.vocab_size, 2)]);
    await run(0);
    const before = backend.kernels.memory.buffer.byteLength;
    for (let i = 0; i < 1000; i++) await run(i);
    expect(backend.kernels.memory.buffer.byteLength).toBe(before);
  });
});

describe('what the kernels cannot do', () => {
  it.each([
    ['an id that the model does not have', { ...encoding(4, [1], 1), input_ids: Int32Array.of(1, 2, VOCABULARY, 3) }],
    ['a negative id', { ...encoding(4, [1], 1), input_ids: Int32Array.of(1, 2, -1, 3) }],
    ['a type that it does not have', { ...encoding(4, [1], 1), token_type_ids: Int32Array.of(0, 0, 2, 0) }],
    ['masks out of order', encoding(4, [2, 1], 1)],
  ])('stops the run: %s', async (_, wrong) => {
    const backend = await engineBackend(file);
    await expect(backend.run([wrong])).rejects.toThrow(WebAssembly.RuntimeError);
  });
});

const pieces = (bytes: Uint8Array, size: number) => {
  let given = 0;
  return {
    given: () => given,
    size: bytes.length,
    async read(take: (piece: Uint8Array) => void) {
      for (let at = 0; at < bytes.length; at += size) {
        given++;
        take(bytes.subarray(at, at + size));
      }
    },
    async verify() {},
  };
};

describe('loading', () => {
  it('takes pieces of any size', async () => {
    const module = await kernelModule('relaxed');
    const expected = hash(await relaxed.run([encodings[0] as Encoding]));
    for (const size of [10, 4096, 1_000_003]) {
      const backend = await loadEngine(module, pieces(file, size));
      expect(hash(await backend.run([encodings[0] as Encoding]))).toBe(expected);
    }
  });

  it('refuses a wrong header with the first pieces, before the rest is read', async () => {
    const module = await kernelModule('relaxed');
    const wrong = file.slice();
    wrong[8] = 9;
    const source = pieces(wrong, 4096);
    await expect(loadEngine(module, source)).rejects.toThrow(BlobError);
    expect(source.given()).toBe(1);
    await expect(loadEngine(module, pieces(file.subarray(0, 50), 10))).rejects.toThrow(/ends within its header/);
    await expect(loadEngine(module, pieces(file.subarray(0, -64), 4096))).rejects.toThrow(/^total bytes/);
  });

  it('verifies the bytes before anything runs', async () => {
    const module = await kernelModule('relaxed');
    const source = { ...pieces(file, 65_536), verify: () => Promise.reject(new Error('altered')) };
    await expect(loadEngine(module, source)).rejects.toThrow('altered');
  });
});
