/** Collects the nodes and initializers of a graph, each once, and names its tensors. No I/O. */
import type { Attribute, Graph, Initializer, Node, TensorData, Value } from './protobuf.ts';

const MICROSOFT = 'com.microsoft';

/** ONNX 17 has LayerNormalization and takes axes of reductions as attributes; the other domain is the runtime's own. */
export const OPSETS = { '': 17, [MICROSOFT]: 1 };

/** The name of a tensor in the graph. */
export type Name = string;

export class GraphBuilder {
  readonly #nodes: Node[] = [];
  readonly #initializers = new Map<Name, Initializer>();

  /** Adds an ONNX operator with one output. */
  add(operator: string, inputs: Name[], attributes: Record<string, Attribute> = {}): Name {
    return this.#node('', operator, inputs, attributes, 1)[0] as Name;
  }

  /** Adds an ONNX operator with `count` outputs. */
  addMany(count: number, operator: string, inputs: Name[], attributes: Record<string, Attribute> = {}): Name[] {
    return this.#node('', operator, inputs, attributes, count);
  }

  /** Adds an operator of the runtime's own domain with one output; an empty name omits an input. */
  addFused(operator: string, inputs: Name[], attributes: Record<string, Attribute> = {}): Name {
    return this.#node(MICROSOFT, operator, inputs, attributes, 1)[0] as Name;
  }

  /** A constant tensor. Calls with the same name return the same tensor. */
  constant(name: Name, make: () => { data: TensorData; shape: number[] }): Name {
    if (!this.#initializers.has(name)) this.#initializers.set(name, { name, ...make() });
    return name;
  }

  scalar(name: Name, data: TensorData): Name {
    return this.constant(name, () => ({ data, shape: [] }));
  }

  vector(name: Name, data: TensorData): Name {
    return this.constant(name, () => ({ data, shape: [data.length] }));
  }

  /** @param outputs the names of the graph's outputs */
  finish(name: string, inputs: Value[], outputs: (Value & { from: Name })[]): Graph {
    for (const output of outputs) {
      this.#nodes.push({
        operator: 'Identity',
        domain: '',
        inputs: [output.from],
        outputs: [output.name],
        attributes: {},
      });
    }
    return { name, nodes: this.#nodes, initializers: [...this.#initializers.values()], inputs, outputs };
  }

  #node(
    domain: string,
    operator: string,
    inputs: Name[],
    attributes: Record<string, Attribute>,
    count: number,
  ): Name[] {
    const number = this.#nodes.length;
    const outputs = Array.from({ length: count }, (_, i) => `${operator}_${number}${count > 1 ? `_${i}` : ''}`);
    this.#nodes.push({ operator, domain, inputs, outputs, attributes });
    return outputs;
  }
}
