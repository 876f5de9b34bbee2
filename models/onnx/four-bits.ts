/** Products with 4-bit weights in a graph: the runtime's own operator, with the same values as in the engine. No I/O. */
import type { Linear } from '../checkpoint/encoder.ts';
import { type FourBitRows, quantizeToFourBits } from '../quantization/int4.ts';
import { STEP_INPUTS } from '../../src/inference/efm-format.ts';
import type { GraphBuilder, Name } from './graph-builder.ts';
import type { Matrices } from './linear.ts';

/** The operator itself rounds activations to int8, for each 32 inputs of a token. */
const INT8_ACTIVATIONS = 4;

export function fourBitMatrices(graph: GraphBuilder): Matrices {
  const quantized = new Map<Name, FourBitRows>();
  const product = (x: Name, name: Name, linear: Omit<Linear, 'bias'>): Name => {
    const { inputs, outputs } = linear;
    const rows = quantized.get(name) ?? quantizeToFourBits(linear);
    quantized.set(name, rows);
    const weights = (part: string) => `${name}.int4.${part}`;
    const packed = graph.constant(weights('values'), () => ({
      data: packPairs(rows),
      shape: [outputs, inputs / STEP_INPUTS, STEP_INPUTS / 2],
    }));
    const scales = graph.constant(weights('scales'), () => {
      const blocks = inputs / STEP_INPUTS;
      const data = Float32Array.from(rows.steps, (step, i) => step * rows.scales[Math.floor(i / blocks)]!);
      return { data, shape: [data.length] };
    });
    return graph.addFused('MatMulNBits', [x, packed, scales], {
      K: inputs,
      N: outputs,
      bits: 4,
      block_size: STEP_INPUTS,
      accuracy_level: INT8_ACTIVATIONS,
    });
  };
  return {
    prepare: (values) => ({ values }),
    multiply: ({ values }, name, linear) => product(values, name, linear),
    multiplyTwice: product,
    multiplyFrom: (_least, x, name, linear) => product(x, name, linear),
    rows: () => {
      throw new Error('a 4-bit table has no rows to gather');
    },
  };
}

/** (outputs, inputs / 2): the even inputs in the lower halves, 8 added to each value. */
function packPairs({ values }: FourBitRows): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: values.length / 2 }, (_, i) => {
    const [even, odd] = [values[2 * i]!, values[2 * i + 1]!];
    return (even + 8) | ((odd + 8) << 4);
  });
}
