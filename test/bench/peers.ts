/** Other runtimes with the same weights, in this process, one thread each. Their packages are in the package.json beside this. */
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { weightsIn } from '../../models/build/build.ts';
import { type BenchModel, plainExport } from './models.ts';
import { encodingOf } from './workers/measuring.ts';

/** Time of a prediction, in ms. */
export type Timed = (tokens: number, runs: number) => Promise<number>;

interface OrtTensor {
  readonly data: unknown;
}
interface Ort {
  readonly InferenceSession: {
    create(graph: Uint8Array, options: object): Promise<{ run(feeds: object): Promise<Record<string, OrtTensor>> }>;
  };
  readonly Tensor: new (type: string, data: Int32Array, shape: number[]) => OrtTensor;
}
interface Transformers {
  readonly env: { allowRemoteModels: boolean; allowLocalModels: boolean; localModelPath: string };
  readonly AutoModelForMaskedLM: {
    from_pretrained(id: string, options: object): Promise<(inputs: object) => Promise<unknown>>;
  };
  readonly Tensor: new (type: string, data: BigInt64Array, shape: number[]) => unknown;
}

const ONE_THREAD = { intraOpNumThreads: 1, interOpNumThreads: 1 };

/** The packages, or why they are missing. */
export async function importPeers(): Promise<{ ort: Ort; transformers: Transformers } | { missing: string }> {
  try {
    const names = ['onnxruntime-node', '@huggingface/transformers'];
    const [ort, transformers] = (await Promise.all(names.map((name) => import(name)))) as [
      Ort & { default?: Ort },
      Transformers,
    ];
    return { ort: ort.default ?? ort, transformers };
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) };
  }
}

/** The graph that `onnxruntime-web` serves. */
export async function onnxruntimeNode({ InferenceSession, Tensor }: Ort, { artifacts }: BenchModel): Promise<Timed> {
  const session = await InferenceSession.create(weightsIn(artifacts, 'model.onnx'), ONE_THREAD);
  return (tokens, runs) => {
    const encoding = encodingOf(tokens);
    const feeds = Object.fromEntries(
      Object.entries(encoding).map(([name, data]) => [name, new Tensor('int32', data as Int32Array, [data.length])]),
    );
    return timed(runs, () => session.run(feeds));
  };
}

/** The plain float32 export; in Node its runtime is `onnxruntime-node`. */
export async function transformersJs(
  { env, AutoModelForMaskedLM, Tensor }: Transformers,
  model: BenchModel,
): Promise<Timed> {
  const folder = await mkdtemp(join(tmpdir(), 'edge-fill-mask-bench-'));
  try {
    await mkdir(join(folder, 'plain/onnx'), { recursive: true });
    await writeFile(join(folder, 'plain/onnx/model.onnx'), plainExport(model));
    await writeFile(
      join(folder, 'plain/config.json'),
      JSON.stringify({
        ...model.checkpoint.weights.config,
        model_type: 'albert',
        architectures: ['AlbertForMaskedLM'],
      }),
    );
    env.allowRemoteModels = false;
    env.allowLocalModels = true;
    env.localModelPath = folder;
    const run = await AutoModelForMaskedLM.from_pretrained('plain', {
      dtype: 'fp32',
      device: 'cpu',
      session_options: ONE_THREAD,
    });
    return (tokens, runs) => {
      const { input_ids, token_type_ids } = encodingOf(tokens);
      const tensor = (data: Int32Array) => new Tensor('int64', BigInt64Array.from(data, BigInt), [1, tokens]);
      const inputs = {
        input_ids: tensor(input_ids),
        token_type_ids: tensor(token_type_ids),
        attention_mask: tensor(new Int32Array(tokens).fill(1)),
      };
      return timed(runs, () => run(inputs));
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function timed(runs: number, run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < runs; i++) await run();
  return (performance.now() - start) / runs;
}
