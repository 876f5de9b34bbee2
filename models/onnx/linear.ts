/**
 * How a graph multiplies by a weight matrix: in float32 with the weights of the checkpoint, or in int8. The product excludes the
 * bias, which the following operators add.
 */
import type { Linear } from '../checkpoint/encoder.ts';
import type { GraphBuilder, Name } from './graph-builder.ts';
import { FLOAT, UINT8 } from './protobuf.ts';
import { quantizeRows, type QuantizedRows } from '../quantization/int8.ts';

export interface Matrices {
  /** Converts (…, inputs) for `multiply`; done once if an input meets several matrices. */
  prepare(x: Name): Prepared;
  /** (…, inputs) to (…, outputs), without the bias. A name denotes one matrix, however often it is used. */
  multiply(x: Prepared, name: Name, linear: Omit<Linear, 'bias'>): Name;
  /** The same for an unprepared input, whose activations get about twice the bits. */
  multiplyTwice(x: Name, name: Name, linear: Omit<Linear, 'bias'>): Name;
  /** The same for an unprepared input without values below `least`. */
  multiplyFrom(least: number, x: Name, name: Name, linear: Omit<Linear, 'bias'>): Name;
  /** The rows `ids` (n,) of a table that `multiply` also uses: (n, inputs). */
  rows(ids: Name, name: Name, table: Omit<Linear, 'bias'>): Name;
}

interface Prepared {
  readonly values: Name;
  /** (…, 1): the size of a quantization step; only in int8. */
  readonly scale?: Name;
  /** The value that represents zero; only in int8. */
  readonly zero?: number;
  /** The input minus the values it was rounded to; only in int8, and computed only if used. */
  readonly rest?: () => Name;
}

export function float32Matrices(graph: GraphBuilder): Matrices {
  const matrix = (name: Name, { weight, inputs, outputs }: Omit<Linear, 'bias'>) =>
    graph.constant(name, () => ({ data: transpose(weight, outputs, inputs), shape: [inputs, outputs] }));
  const product = (x: Name, name: Name, linear: Omit<Linear, 'bias'>) => graph.add('MatMul', [x, matrix(name, linear)]);
  return {
    prepare: (values) => ({ values }),
    multiply: ({ values }, name, linear) => product(values, name, linear),
    multiplyTwice: product,
    multiplyFrom: (_least, x, name, linear) => product(x, name, linear),
    rows: (ids, name, table) => graph.add('Transpose', [graph.add('Gather', [matrix(name, table), ids], { axis: 1 })]),
  };
}

/** How the int8 form multiplies. The build uses SERVED; the others are measured against it. */
export interface Int8Scheme {
  /** What has a scale of its own: a token's activations and an output's weights, or a whole text and a whole matrix. */
  readonly scales: 'fine' | 'per tensor';
  /** Whether the channels after a layer norm are smoothed before rounding (`smoothing`). */
  readonly smooth: boolean;
  /** The small matrices at the two ends. */
  readonly ends: 'int8' | 'float32';
  /** How often the activations are rounded: once, or twice, the second time for the error of the first. */
  readonly decoder: 'once' | 'twice';
  /** The same after GELU; or once, with the range shifted to the minimum of GELU. */
  readonly feedForwardOutput: 'once' | 'moved' | 'twice';
  /** Whether the outlier channels of the plan are multiplied separately in float32. */
  readonly outliers: boolean;
  /** Of the weights in the layers, if not 8. */
  readonly layer_bits?: 4;
}

export const SERVED: Int8Scheme = {
  scales: 'fine',
  smooth: true,
  ends: 'float32',
  decoder: 'twice',
  feedForwardOutput: 'moved',
  outliers: true,
};

/**
 * Symmetric int8 weights with a scale for each output. Activations are uint8 around 128 with a scale for each token, from its
 * largest magnitude: one scale for a whole text would follow the outliers of a single token, and a model that applies one
 * layer many times makes that error every time.
 */
export function int8Matrices(graph: GraphBuilder): Matrices {
  const matrix = int8Weights(graph, true);
  /** Steps of the size of each token's scale, shifted by `zero` into uint8. */
  const round = (x: Name, largest: Name, steps: number, zero: number): Prepared => {
    const step = graph.add('Mul', [largest, graph.scalar(`1/${steps}`, Float32Array.of(1 / steps))]);
    // A token of zeros needs a scale that is not zero.
    const scale = graph.add('Max', [step, graph.scalar('tiny', Float32Array.of(1e-30))]);
    const rounded = graph.add('Round', [graph.add('Div', [x, scale])]);
    const shifted = zero > 0 ? graph.add('Add', [rounded, graph.scalar(`${zero}`, Float32Array.of(zero))]) : rounded;
    const rest = () => graph.add('Sub', [x, graph.add('Mul', [rounded, scale])]);
    return { values: graph.add('Cast', [shifted], { to: UINT8 }), scale, zero, rest };
  };
  return {
    prepare: (x) => round(x, graph.add('ReduceMax', [graph.add('Abs', [x])], { axes: [-1], keepdims: 1 }), 127, 128),
    multiplyTwice(x, name, linear) {
      // The rounding error is rounded in turn, and both products are added.
      const coarse = this.prepare(x);
      const fine = this.prepare(coarse.rest?.() ?? x);
      return graph.add('Add', [this.multiply(coarse, name, linear), this.multiply(fine, name, linear)]);
    },
    multiplyFrom(least, x, name, linear) {
      // All 255 steps lie above `least`. The shift adds a constant of the weights to each product.
      const moved = graph.add('Sub', [x, graph.scalar(`${name}.least`, Float32Array.of(least))]);
      const largest = graph.add('ReduceMax', [moved], { axes: [-1], keepdims: 1 });
      const product = this.multiply(round(moved, largest, 255, 0), name, linear);
      const { rows } = matrix(name, linear);
      const added = Float32Array.from(rows.scales, (scale, row) => {
        const values = rows.values.subarray(row * linear.inputs, (row + 1) * linear.inputs);
        return least * scale * values.reduce((sum, value) => sum + value, 0);
      });
      return graph.add('Add', [product, graph.vector(`${name}.moved`, added)]);
    },
    multiply({ values, scale, zero }, name, linear) {
      if (scale === undefined || zero === undefined) throw new Error('the input of an int8 product was not prepared');
      const weights = matrix(name, linear);
      const zeroPoint = graph.scalar(`${zero}.uint8`, Uint8Array.of(zero));
      const sums = graph.add('Cast', [graph.add('MatMulInteger', [values, weights.values, zeroPoint])], { to: FLOAT });
      return graph.add('Mul', [graph.add('Mul', [sums, scale]), weights.scales]);
    },
    rows(ids, name, table) {
      const weights = matrix(name, table);
      const columns = graph.add('Gather', [weights.values, ids], { axis: 1 });
      const values = graph.add('Cast', [graph.add('Transpose', [columns])], { to: FLOAT });
      const scales = graph.add('Gather', [weights.scales, ids]);
      return graph.add('Mul', [values, graph.add('Unsqueeze', [scales, graph.vector('axis 1', BigInt64Array.of(1n))])]);
    },
  };
}

/** Ordinary dynamic quantization: one scale for the activations of a text, one for a matrix. */
export function perTensorMatrices(graph: GraphBuilder): Matrices {
  const matrix = int8Weights(graph, false);
  const product = (x: Name, name: Name, linear: Omit<Linear, 'bias'>) => {
    const weights = matrix(name, linear);
    return graph.addFused('DynamicQuantizeMatMul', [x, weights.values, weights.scales]);
  };
  return {
    prepare: (values) => ({ values }),
    multiply: ({ values }, name, linear) => product(values, name, linear),
    multiplyTwice: product,
    multiplyFrom: (_least, x, name, linear) => product(x, name, linear),
    rows(ids, name, table) {
      const weights = matrix(name, table);
      const columns = graph.add('Gather', [weights.values, ids], { axis: 1 });
      const values = graph.add('Cast', [graph.add('Transpose', [columns])], { to: FLOAT });
      return graph.add('Mul', [values, weights.scales]);
    },
  };
}

/** Each matrix once in the graph, (inputs, outputs), with a scale for each output or one for all. */
function int8Weights(graph: GraphBuilder, scaleForEachOutput: boolean) {
  const quantized = new Map<Name, QuantizedRows>();
  return (name: Name, { weight, inputs, outputs }: Omit<Linear, 'bias'>) => {
    const rows =
      quantized.get(name) ??
      (scaleForEachOutput ? quantizeRows(weight, outputs, inputs) : quantizeRows(weight, 1, weight.length));
    quantized.set(name, rows);
    return {
      rows,
      values: graph.constant(`${name}.int8`, () => ({
        data: transpose(rows.values, outputs, inputs),
        shape: [inputs, outputs],
      })),
      scales: scaleForEachOutput
        ? graph.vector(`${name}.scales`, rows.scales)
        : graph.scalar(`${name}.scale`, rows.scales),
    };
  };
}

/** (rows, columns) to (columns, rows) */
function transpose<T extends Float32Array | Int8Array>(data: T, rows: number, columns: number): T {
  const turned = new (data.constructor as new (size: number) => T)(data.length);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) turned[c * rows + r] = data[r * columns + c]!;
  }
  return turned;
}
