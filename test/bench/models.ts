/** The two measured geometries, and the export of the same weights for other runtimes. Reads the checkpoint. */
import { type Artifacts, type Checkpoint, makeArtifacts, readCheckpoint } from '../../models/build/build.ts';
import { selectedModel } from '../../models/bucket/deployed.ts';
import { randomWeights } from '../../models/evaluation/geometry-cost.ts';
import { encoderGraph } from '../../models/onnx/encoder.ts';
import { OPSETS } from '../../models/onnx/graph-builder.ts';
import { uncalibratedPlan } from '../../models/quantization/plan.ts';
import { encodeModel, FLOAT, type Graph, INT32, INT64, type Node } from '../../models/onnx/protobuf.ts';

export const MODELS = ['base', 'default'] as const;
export type ModelName = (typeof MODELS)[number];
export const TITLES: Record<ModelName, string> = {
  base: 'ALBERT-base geometry (12 × 768, random weights)',
  default: 'the default model',
};

export interface BenchModel {
  readonly checkpoint: Checkpoint;
  readonly artifacts: Artifacts;
}

export async function benchModel(name: ModelName): Promise<BenchModel> {
  const trained: Checkpoint = { ...(await readCheckpoint(selectedModel().id)), backend: 'both' };
  if (name === 'default') return { checkpoint: trained, artifacts: await makeArtifacts(trained) };
  const weights = randomWeights({
    ...trained.weights.config,
    hidden_size: 768,
    num_hidden_layers: 12,
    num_attention_heads: 12,
    intermediate_size: 3072,
    layers_stored: 1,
  });
  const checkpoint = { ...trained, id: 'bench-base', weights, plan: uncalibratedPlan(weights) };
  return { checkpoint, artifacts: await makeArtifacts(checkpoint) };
}

const inner = (name: string) => (['input_ids', 'token_type_ids', 'logits'].includes(name) ? `inner_${name}` : name);
const node = (operator: string, inputs: string[], output: string, attributes = {}): Node => ({
  operator,
  domain: '',
  inputs,
  outputs: [output],
  attributes,
});
const constant = (name: string, value: bigint, shape: number[]) => ({ name, shape, data: BigInt64Array.of(value) });

/** As exporters usually do: int64 inputs with a batch dimension, and logits at every position. Float32. */
export function plainExport({ checkpoint }: BenchModel): Uint8Array {
  const graph = encoderGraph(checkpoint.weights, 'float32');
  const flat = ['input_ids', 'token_type_ids'].flatMap((name) => [
    node('Squeeze', [name, 'axis_0'], `flat_${name}`),
    node('Cast', [`flat_${name}`], inner(name), { to: INT32 }),
  ]);
  const everywhere = [
    node('Size', ['input_ids'], 'length'),
    node('Range', ['number_0', 'length', 'number_1'], 'everywhere'),
    node('Cast', ['everywhere'], 'masked_positions', { to: INT32 }),
  ];
  const plain: Graph = {
    name: 'plain',
    nodes: [
      ...flat,
      ...everywhere,
      ...graph.nodes.map((one) => ({ ...one, inputs: one.inputs.map(inner), outputs: one.outputs.map(inner) })),
      node('Unsqueeze', ['inner_logits', 'axis_0'], 'logits'),
    ],
    initializers: [
      ...graph.initializers,
      constant('axis_0', 0n, [1]),
      constant('number_0', 0n, []),
      constant('number_1', 1n, []),
    ],
    inputs: ['input_ids', 'token_type_ids'].map((name) => ({ name, type: INT64, shape: ['batch', 'sequence'] })),
    outputs: [{ name: 'logits', type: FLOAT, shape: ['batch', 'sequence', checkpoint.weights.config.vocab_size] }],
  };
  return encodeModel(plain, OPSETS);
}
