/**
 * A plain reference for every step of the engine, in double precision and from the same file. It rounds activations as the
 * engine does (with a float32 scale, so that hardly any value falls on the other side of a half) and nothing else; attention is
 * not rounded.
 */
import {
  type Activation,
  type ModelConfig,
  layoutSections,
  type OutlierInput,
  readHeader,
  STEP_INPUTS,
  widthsOf,
} from '../../../src/inference/efm-format.ts';

type Rows = Float64Array[];

export interface Simulation {
  readonly geometry: ModelConfig;
  /** (rows, H) of one text */
  embed(input_ids: Int32Array, token_type_ids: Int32Array): Rows;
  /** (rows, H) of one text to the same, through a stored layer */
  encode(layer: number, x: Rows): Rows;
  /** (V,) */
  predict(row: Float64Array): Float64Array;
  /** (2,) */
  classifyPair(row: Float64Array): Float64Array;
}

export function simulate(blob: Uint8Array<ArrayBuffer>): Simulation {
  const geometry = readHeader(blob, blob.length);
  const sections = new Map(layoutSections(geometry).sections.map((section) => [section.name, section]));
  const { embedding_size, hidden_size, vocab_size: V } = geometry;
  const { embedding: E, hidden: H, intermediate: F, attention: Q, head } = widthsOf(geometry, geometry.layer_bits);

  const floats = (name: string): Float32Array => {
    const { offset, bytes } = sections.get(name) ?? { offset: NaN, bytes: NaN };
    return new Float32Array(blob.buffer, blob.byteOffset + offset, bytes / 4);
  };
  const weight = (name: string, inputs: number, outliers = 0) => {
    const { offset, bytes } = sections.get(`${name}.weight`) ?? { offset: NaN, bytes: NaN };
    const packed = new Int8Array(blob.buffer, blob.byteOffset + offset, bytes);
    if (name.startsWith('layer.') && geometry.layer_bits === 4) {
      const main = inputs - outliers;
      return (k: number, n: number) => {
        const panel = (n >> 3) * (8 * outliers + 4 * main + (8 * main) / STEP_INPUTS);
        if (k < outliers) return packed[panel + (k >> 2) * 32 + (n & 7) * 4 + (k & 3)] as number;
        const i = k - outliers;
        const fourBits = panel + 8 * outliers;
        const both = packed[fourBits + (i >> 3) * 32 + (n & 7) * 4 + (i & 3)] as number;
        const step = packed[fourBits + 4 * main + Math.floor(i / STEP_INPUTS) * 8 + (n & 7)] as number;
        return (((i & 4 ? both >> 4 : both) & 15) - 8) * step;
      };
    }
    return (k: number, n: number) => packed[(n >> 3) * 8 * inputs + (k >> 2) * 32 + (n & 7) * 4 + (k & 3)] as number;
  };
  /** x W + b, without rounding x. */
  const multiply = (name: string, x: Float64Array, outputs: number, outliers = 0): Float64Array => {
    const [w, scale, bias] = [weight(name, x.length, outliers), floats(`${name}.scale`), floats(`${name}.bias`)];
    return Float64Array.from({ length: outputs }, (_, n) => {
      let sum = 0;
      for (let k = 0; k < x.length; k++) sum += (x[k] as number) * w(k, n);
      return sum * at(scale, n) + at(bias, n);
    });
  };
  /** The channels after the size are zeros, before and after. */
  const normalize = (name: string, row: Float64Array, size: number): Float64Array => {
    const [gamma, beta] = [floats(`${name}.gamma`), floats(`${name}.beta`)];
    const x = row.subarray(0, size);
    const mean = x.reduce((a, b) => a + b, 0) / size;
    const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / size;
    const deviation = Math.sqrt(variance + geometry.layer_norm_eps);
    const normalized = new Float64Array(row.length);
    normalized.set(x.map((value, i) => ((value - mean) / deviation) * at(gamma, i) + at(beta, i)));
    return normalized;
  };

  return {
    geometry,
    embed(input_ids, token_type_ids) {
      const [words, scale] = [weight('words', E), floats('words.scale')];
      const [positions, types] = [floats('positions'), floats('types')];
      return Array.from(input_ids, (id, row) => {
        const type = at(token_type_ids, row);
        const sum = Float64Array.from(
          { length: E },
          (_, k) => words(k, id) * at(scale, id) + at(positions, row * E + k) + at(types, type * E + k),
        );
        const embedded = normalize('embeddings', sum, embedding_size);
        return geometry.projection ? multiply('projection', round(embedded, 16_383), H) : embedded;
      });
    },
    encode(layer, x) {
      const name = `layer.${layer}`;
      const [before, between] = [floats(`${name}.smooth_attention`), floats(`${name}.smooth_feed_forward`)];
      const outliers = geometry.outliers[layer];
      if (!outliers) throw new RangeError(`there is no layer ${layer}`);
      /** Outliers in front, rounded apart from the rest. */
      const rounded = (input: OutlierInput, row: Float64Array) => {
        const { offset } = sections.get(`${name}.${input}.swaps`) ?? { offset: NaN };
        const permuted = row.slice();
        for (const [i, other] of new Uint32Array(blob.buffer, blob.byteOffset + offset, outliers[input]).entries()) {
          [permuted[i], permuted[other]] = [at(permuted, other), at(permuted, i)];
        }
        const count = outliers[input];
        return Float64Array.of(
          ...(count > 0 ? round(permuted.subarray(0, count), 16_383) : []),
          ...round(permuted.subarray(count), 127),
        );
      };
      const multiplyInput = (input: OutlierInput, part: string, row: Float64Array, outputs: number) =>
        multiply(`${name}.${part}`, row, outputs, outliers[input]);
      const taken = x.map((row) => rounded('query_key_value', even(row, before)));
      const queries = taken.map((row) => multiplyInput('query_key_value', 'query', row, Q));
      const keysAndValues = taken.map((row) => multiplyInput('query_key_value', 'key_value', row, 2 * Q));
      const contexts = attention(queries, keysAndValues, geometry.num_attention_heads, head);
      const project = (input: OutlierInput, row: Float64Array, outputs: number) =>
        multiplyInput(input, input, rounded(input, row), outputs);
      return x.map((row, i) => {
        const attended = project('attention', contexts[i] as Float64Array, H);
        const middle = normalize(`${name}.attention`, add(row, attended), hidden_size);
        const wide = activate(geometry.activation, project('feed_forward', even(middle, between), F));
        return normalize(`${name}.output`, add(middle, project('output', wide, H)), hidden_size);
      });
    },
    predict(row) {
      const rounded = round(row, 16_383);
      const product = multiply('mlm', rounded, E);
      const whole = geometry.mlm_rest ? add(product, multiply('mlm_rest', rounded, E)) : product;
      const dense = normalize('mlm', activate(geometry.head_activation, whole), embedding_size);
      return multiply(geometry.decoder ? 'decoder' : 'words', round(dense, 16_383), V);
    },
    classifyPair(row) {
      const pooled = multiply('pooler', round(row, 16_383), H).map(Math.tanh);
      const [weights, bias] = [floats('sentence.weight'), floats('sentence.bias')];
      return Float64Array.from({ length: 2 }, (_, label) =>
        pooled.reduce((sum, value, i) => sum + value * at(weights, label * H + i), at(bias, label)),
      );
    },
  };
}

const at = (values: Float32Array | Float64Array | Int32Array, i: number): number => values[i] ?? NaN;
const activate = (activation: Activation, x: Float64Array) => x.map(ACTIVATIONS[activation]);
/** Rounds to float32, as the engine stores it. */
const even = (row: Float64Array, factors: Float32Array) => row.map((value, i) => Math.fround(value * at(factors, i)));
const add = (a: Float64Array, b: Float64Array) => a.map((value, i) => value + at(b, i));

/** To the nearest of steps + 1 values between the least and the largest. */
function round(row: Float64Array, steps: number): Float64Array {
  const x = Float32Array.from(row);
  const least = x.reduce((a, b) => Math.min(a, b));
  const scale = Math.fround(Math.fround(x.reduce((a, b) => Math.max(a, b)) - least) / steps);
  const inverse = scale > 0 ? Math.fround(1 / scale) : 0;
  return Float64Array.from(x, (value) => {
    const q = Math.fround(Math.fround(value - least) * inverse);
    return least + scale * Math.min(steps, Math.round(q));
  });
}

function attention(queries: Rows, keysAndValues: Rows, heads: number, D: number): Rows {
  const H = queries[0]?.length ?? 0;
  return queries.map((query) => {
    const context = new Float64Array(H);
    for (let head = 0; head < heads; head++) {
      const [from, to] = [head * D, (head + 1) * D];
      const scores = keysAndValues.map((row) => {
        let sum = 0;
        for (let d = from; d < to; d++) sum += at(query, d) * at(row, d);
        return sum;
      });
      const largest = Math.max(...scores);
      const shares = scores.map((score) => Math.exp(score - largest));
      const total = shares.reduce((a, b) => a + b, 0);
      for (let d = from; d < to; d++) {
        context[d] = keysAndValues.reduce((sum, row, key) => sum + ((shares[key] ?? NaN) / total) * at(row, H + d), 0);
      }
    }
    return context;
  });
}

const ACTIVATIONS: Readonly<Record<Activation, (x: number) => number>> = {
  gelu: geluByErf,
  gelu_new: geluByTanh,
  relu: (x) => Math.max(x, 0),
  silu: (x) => x / (1 + Math.exp(-x)),
};

function geluByTanh(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

/** By the power series of erf, which converges everywhere; beyond 6 the rest is below the rounding error. */
function geluByErf(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  let term = z;
  let sum = z;
  for (let n = 1; n < 200 && Math.abs(term) > 1e-17; n++) {
    term *= -(z * z) / n;
    sum += term / (2 * n + 1);
  }
  const erf = z > 5 ? 1 : (2 / Math.sqrt(Math.PI)) * sum;
  return 0.5 * x * (1 + Math.sign(x) * erf);
}
