/** Products with 4-bit weights in a graph: the runtime's own operator, with the same values as in the engine. No I/O. */
import type { FourBitRows } from '../quantization/int4.ts';
import { STEP_INPUTS } from '../../src/inference/efm-format.ts';
import type { GraphBuilder, Name } from './graph-builder.ts';

/** The operator itself rounds activations to int8, for each 32 inputs of a token. */
const INT8_ACTIVATIONS = 4;

/**
 * @param x (…, inputs) without outliers
 * @param name denotes one matrix, however often it is used
 * @param rows the weights of its outliers are not used
 */
export function multiplyFourBits(graph: GraphBuilder, x: Name, name: Name, rows: FourBitRows): Name {
  const outputs = rows.scales.length;
  const blocks = rows.steps.length / outputs;
  const packed = graph.constant(`${name}.int4.values`, () => ({
    data: packPairs(rows, blocks * STEP_INPUTS),
    shape: [outputs, blocks, STEP_INPUTS / 2],
  }));
  const scales = graph.constant(`${name}.int4.scales`, () => {
    const data = Float32Array.from(rows.steps, (step, i) => step * rows.scales[Math.floor(i / blocks)]!);
    return { data, shape: [data.length] };
  });
  return graph.addFused('MatMulNBits', [x, packed, scales], {
    K: blocks * STEP_INPUTS,
    N: outputs,
    bits: 4,
    block_size: STEP_INPUTS,
    accuracy_level: INT8_ACTIVATIONS,
  });
}

/** (outputs, others / 2): the even inputs in the lower halves, 8 added to each value. */
function packPairs({ values, inputs, scales }: FourBitRows, others: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: (scales.length * others) / 2 }, (_, i) => {
    const row = Math.floor((2 * i) / others);
    const at = row * inputs + (inputs - others) + ((2 * i) % others);
    return (values[at]! + 8) | ((values[at + 1]! + 8) << 4);
  });
}
