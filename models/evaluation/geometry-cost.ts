/**
 * npm run models -- bench-geometry: measures the cost of serving a geometry before it is trained. Weights are random. Bytes and
 * WASM heap come from the build, and times from the worker in workerd, all geometries in turn, so that noise affects all of them.
 */
import { join } from 'node:path';

import type { R2Bucket } from '@cloudflare/workers-types';
import { createTestHarness } from 'wrangler';

import { MAX_MASKS_PER_TEXT } from '../../src/limits.ts';
import { objectKey } from '../../src/model/manifest.ts';
import { findMasks } from '../../src/tokenizer/masks.ts';
import { createTokenizer } from '../../src/tokenizer/create-tokenizer.ts';
import { makeArtifacts, makeManifest, readCheckpoint, weightsIn } from '../build/build.ts';
import type { EncoderConfig, EncoderWeights, Layer, LayerNorm, Linear } from '../checkpoint/encoder.ts';
import { seeded } from './random.ts';
import { engineBackend } from './backends.ts';
import { TENSORS } from '../checkpoint/families.ts';
import type { FoundTokenizer } from '../tokenizer/files.ts';
import { uncalibratedPlan } from '../quantization/plan.ts';

/** hidden size × layers, measured after the model's own geometry; the last is ALBERT-base, for comparison. */
const GEOMETRIES = ['256x4', '256x6', '384x6', '512x8', '640x10', '768x7', '768x12'] as const;

const ROUNDS = 25;
const WARM_UP = 3;
const TOKENS = 16;
const LONGEST = 512;

export interface Cost {
  readonly geometry: string;
  /** Multiply-adds of the layers for one token. */
  readonly multiplyAdds: number;
  /** Bytes of the committed checkpoint (F16) and of the engine's file. */
  readonly checkpointBytes: number;
  readonly fileBytes: number;
  /** Bytes of WASM memory after a prediction at 512 tokens. */
  readonly heapBytes: number;
  /** Median round trip of a request with 16 tokens and one mask, in ms. */
  readonly milliseconds: number;
}

/** @param model whose tokenizer and head size the geometries share */
export async function benchGeometries(model: string, progress: (what: string) => void): Promise<Cost[]> {
  const { tokenizer, weights: like } = await readCheckpoint(model);
  const text = textOf(TOKENS, tokenizer);
  const running = [];
  try {
    for (const geometry of [model, ...GEOMETRIES]) {
      progress(geometry);
      const weights = randomWeights({ ...like.config, ...(geometry === model ? {} : shared(geometry)) });
      const { hidden_size, num_hidden_layers, layers_stored } = weights.config;
      const checkpoint = {
        id: `random-${running.length}`,
        folder: '',
        weights,
        tokenizer,
        bits: 8 as const,
        backend: 'engine' as const,
        plan: uncalibratedPlan(weights),
      };
      const artifacts = await makeArtifacts(checkpoint);
      const { server, url } = await serve(checkpoint, artifacts);
      running.push({
        server,
        url,
        times: [] as number[],
        cost: {
          geometry: `${hidden_size} × ${num_hidden_layers}, ${layers_stored} stored`,
          multiplyAdds: num_hidden_layers * 12 * hidden_size ** 2,
          checkpointBytes: 2 * parameters(weights),
          fileBytes: weightsIn(artifacts, 'model.efm').length,
          heapBytes: await heapAfter(weightsIn(artifacts, 'model.efm'), LONGEST),
        },
      });
    }
    progress('asking');
    for (let round = -WARM_UP; round < ROUNDS; round++) {
      for (const { url, times } of running) {
        const start = performance.now();
        const answer = await fetch(new URL('/fill-mask', url), {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'cache-control': 'no-store, no-cache' },
          body: JSON.stringify({ inputs: text }),
        });
        await answer.arrayBuffer();
        if (!answer.ok) throw new Error(`the worker answered ${answer.status}`);
        if (round >= 0) times.push(performance.now() - start);
      }
    }
  } finally {
    await Promise.all(running.map(({ server }) => server.close()));
  }
  return running.map(({ cost, times }) => Object.assign(cost, { milliseconds: median(times) }));
}

/** A geometry of ALBERT: one stored layer, heads of 64 channels. */
function shared(geometry: string): Partial<EncoderConfig> {
  const [hidden_size = 0, num_hidden_layers = 0] = geometry.split('x').map(Number);
  return {
    hidden_size,
    num_hidden_layers,
    num_attention_heads: hidden_size / 64,
    intermediate_size: 4 * hidden_size,
    layers_stored: 1,
    inner_group_num: 1,
  };
}

type Checkpoint = Parameters<typeof makeManifest>[0];
type Artifacts = Parameters<typeof makeManifest>[1];

async function serve(checkpoint: Checkpoint, artifacts: Artifacts) {
  const error = { texts: 1, masks: 1, top1_agreement: 0, mean_kl: 0, max_score_error: 0 };
  const manifest = await makeManifest(
    checkpoint,
    artifacts,
    { 'model.efm': error },
    { license: 'none', source: 'random weights' },
  );
  const { id, revision } = manifest;
  const server = createTestHarness({
    workers: [{ configPath: join(import.meta.dirname, '../../wrangler.toml'), vars: { MODEL: `${id}@${revision}` } }],
  });
  const { url } = await server.listen();
  const { MODELS } = await server.getWorker<{ MODELS: R2Bucket }>().getEnv();
  for (const [name, bytes] of Object.entries({
    ...artifacts.files,
    'manifest.json': new TextEncoder().encode(JSON.stringify(manifest)),
  })) {
    await MODELS.put(objectKey(id, revision, name as keyof Artifacts['files'] | 'manifest.json'), bytes);
  }
  return { server, url };
}

async function heapAfter(file: Uint8Array, tokens: number): Promise<number> {
  const backend = await engineBackend(file);
  await backend.run([
    {
      input_ids: new Int32Array(tokens).fill(5),
      token_type_ids: new Int32Array(tokens),
      masked_positions: Int32Array.from({ length: MAX_MASKS_PER_TEXT }, (_, i) => i + 1),
    },
  ]);
  return backend.kernels.memory.buffer.byteLength;
}

/** A text with one mask and exactly so many tokens. */
function textOf(tokens: number, { packed, special_tokens }: FoundTokenizer): string {
  const tokenizer = createTokenizer(packed, special_tokens);
  for (let words = 0; words < tokens; words++) {
    const text = `The ${'very '.repeat(words)}old man went to the [MASK].`;
    if (tokenizer.encode(findMasks(text)).input_ids.length === tokens) return text;
  }
  throw new Error(`no text of ${tokens} tokens was found`);
}

/** Uniform, about as wide as trained weights. */
export function randomWeights(config: EncoderConfig, seed = 1): EncoderWeights {
  const random = seeded(seed);
  const { vocab_size: V, embedding_size: E, hidden_size: H, intermediate_size: F } = config;
  const array = (size: number, width = 0.04) =>
    Float32Array.from({ length: size }, () => width * (random(1 << 16) / (1 << 15) - 1));
  const linear = (inputs: number, outputs: number): Linear => ({
    inputs,
    outputs,
    weight: array(inputs * outputs),
    bias: array(outputs),
  });
  const norm = (width: number): LayerNorm => ({
    gamma: new Float32Array(width).fill(1),
    beta: array(width),
    epsilon: config.layer_norm_eps,
  });
  const head = TENSORS[config.family].sentence?.head;
  const layer = (): Layer => ({
    query: linear(H, H),
    key: linear(H, H),
    value: linear(H, H),
    attention: linear(H, H),
    attentionNorm: norm(H),
    feedForward: linear(H, F),
    feedForwardOutput: linear(F, H),
    outputNorm: norm(H),
  });
  return {
    config,
    embeddings: {
      words: array(V * E),
      positions: array(config.max_position_embeddings * E),
      types: array(config.type_vocab_size * E),
      norm: norm(E),
      projection: config.family === 'albert' || E !== H ? linear(E, H) : undefined,
    },
    layers: [layer(), ...Array.from({ length: config.layers_stored - 1 }, layer)],
    mlm: { dense: linear(H, E), norm: norm(E), decoder: undefined, bias: array(V) },
    sentence: head && { head, pooler: linear(H, H), classifier: linear(H, 2) },
  };
}

/** The number of elements. */
function parameters(weights: unknown): number {
  if (weights instanceof Float32Array) return weights.length;
  if (typeof weights !== 'object' || weights === null) return 0;
  return Object.values(weights).reduce((total: number, part: unknown) => total + parameters(part), 0);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}
