/**
 * The two ways in which a graph multiplies by a weight matrix: in float32 as the checkpoint has it, and in int8.
 * A caller gets the product without the bias, since the operators that follow add it on their way.
 */
import type { Linear } from '../checkpoint/albert.ts';
import type { GraphBuilder, Name } from './graph-builder.ts';
import { FLOAT, UINT8 } from './protobuf.ts';
import { quantizeRows, type QuantizedRows } from './quantize.ts';

export interface Matrices {
  /** (…, inputs) to what `multiply` takes; done once where one input meets several matrices. */
  prepare(x: Name): Prepared;
  /** (…, inputs) to (…, outputs), no bias. A name stands for one matrix, however often it is used. */
  multiply(x: Prepared, name: Name, linear: Omit<Linear, 'bias'>): Name;
  /** The same for an unprepared input, its activations with about twice the bits: where it counts. */
  multiplyFinely(x: Name, name: Name, linear: Omit<Linear, 'bias'>): Name;
  /** The rows of a table that `multiply` uses too, at `ids` (n,): (n, inputs). */
  rows(ids: Name, name: Name, table: Omit<Linear, 'bias'>): Name;
}

interface Prepared {
  readonly values: Name;
  /** (…, 1): what one step of the values is worth; only in int8. */
  readonly scale?: Name;
  /** The input less what the values stand for; only in int8, and computed only where something uses it. */
  readonly rest?: () => Name;
}

export function float32Matrices(graph: GraphBuilder): Matrices {
  const matrix = (name: Name, { weight, inputs, outputs }: Omit<Linear, 'bias'>) =>
    graph.constant(name, () => ({ data: transpose(weight, outputs, inputs), shape: [inputs, outputs] }));
  return {
    prepare: (values) => ({ values }),
    multiply: ({ values }, name, linear) => graph.add('MatMul', [values, matrix(name, linear)]),
    multiplyFinely: (x, name, linear) => graph.add('MatMul', [x, matrix(name, linear)]),
    rows: (ids, name, table) => graph.add('Transpose', [graph.add('Gather', [matrix(name, table), ids], { axis: 1 })]),
  };
}

/**
 * Weights in int8 with a scale for each output, symmetric. Activations in uint8 around 128 with a scale for each token,
 * taken from its largest magnitude: one scale for a whole text would follow the outliers of a single token, and in a
 * model that applies one layer many times that error is made anew each time.
 */
export function int8Matrices(graph: GraphBuilder): Matrices {
  const quantized = new Map<Name, QuantizedRows>();
  const matrix = (name: Name, { weight, inputs, outputs }: Omit<Linear, 'bias'>) => {
    const rows = quantized.get(name) ?? quantizeRows(weight, outputs, inputs);
    quantized.set(name, rows);
    return {
      values: graph.constant(`${name}.int8`, () => ({
        data: transpose(rows.values, outputs, inputs),
        shape: [inputs, outputs],
      })),
      scales: graph.vector(`${name}.scales`, rows.scales),
    };
  };
  return {
    prepare(x) {
      const largest = graph.add('ReduceMax', [graph.add('Abs', [x])], { axes: [-1], keepdims: 1 });
      const step = graph.add('Mul', [largest, graph.scalar('1/127', Float32Array.of(1 / 127))]);
      // A token of nothing but zeros keeps a scale to divide by.
      const scale = graph.add('Max', [step, graph.scalar('tiny', Float32Array.of(1e-30))]);
      const steps = graph.add('Round', [graph.add('Div', [x, scale])]);
      const shifted = graph.add('Add', [steps, graph.scalar('128', Float32Array.of(128))]);
      const rest = () => graph.add('Sub', [x, graph.add('Mul', [steps, scale])]);
      return { values: graph.add('Cast', [shifted], { to: UINT8 }), scale, rest };
    },
    multiplyFinely(x, name, linear) {
      // What rounding left over is rounded in its turn, and both products are added.
      const coarse = this.prepare(x);
      const fine = this.prepare(coarse.rest?.() ?? x);
      return graph.add('Add', [this.multiply(coarse, name, linear), this.multiply(fine, name, linear)]);
    },
    multiply({ values, scale }, name, linear) {
      if (scale === undefined) throw new Error('the input of an int8 product was not prepared for it');
      const weights = matrix(name, linear);
      const zero = graph.scalar('128.uint8', Uint8Array.of(128));
      const sums = graph.add('Cast', [graph.add('MatMulInteger', [values, weights.values, zero])], { to: FLOAT });
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

/** (rows, columns) to (columns, rows) */
function transpose<T extends Float32Array | Int8Array>(data: T, rows: number, columns: number): T {
  const turned = new (data.constructor as new (size: number) => T)(data.length);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) turned[c * rows + r] = data[r * columns + c] as number;
  }
  return turned;
}
