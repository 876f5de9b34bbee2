/** A worker that loads weights from its bucket and times each step. In local workerd, unlike at the edge, clocks run. */
import type { R2Bucket } from '@cloudflare/workers-types';

import type { Backend, BackendKind, Encoding } from '../../../src/inference/backend.ts';
import { sha256Hex } from '../../../src/model/manifest.ts';
import { R2_READ_BYTES } from '../../../src/limits.ts';
import { createTokenizer } from '../../../src/tokenizer/create-tokenizer.ts';

/** The steps of a first prediction, in ms. */
export interface Parts {
  readonly read: number;
  readonly check: number;
  readonly create: number;
  readonly tokenizer: number;
  readonly first: number;
  readonly second: number;
}

const special_tokens = { mask: { id: 4, token: '[MASK]' }, unk: { id: 1, token: '<unk>' } };

export function measuring(kind: BackendKind) {
  const backends = new Map<string, Promise<Backend>>();
  return {
    async fetch(request: Request, { MODELS }: { MODELS: R2Bucket }): Promise<Response> {
      const { pathname, searchParams } = new URL(request.url);
      const model = searchParams.get('model') ?? '';
      const encoding = encodingOf(Number(searchParams.get('tokens')));
      if (pathname === '/parts') return Response.json(await firstPrediction(kind, MODELS, model, encoding));

      const loading = backends.get(model) ?? load(kind, MODELS, model);
      backends.set(model, loading);
      const backend = await loading;
      const runs = Number(searchParams.get('runs'));
      const start = performance.now();
      for (let i = 0; i < runs; i++) await backend.run([encoding]);
      return Response.json((performance.now() - start) / runs);
    },
  };
}

async function load(kind: BackendKind, bucket: R2Bucket, model: string): Promise<Backend> {
  return kind.create(inMemory(await readAll(bucket, `${model}/${kind.file}`)));
}

async function firstPrediction(kind: BackendKind, bucket: R2Bucket, model: string, encoding: Encoding): Promise<Parts> {
  const times = [performance.now()];
  const lap = () => times.push(performance.now());
  const bytes = await readAll(bucket, `${model}/${kind.file}`);
  lap();
  await sha256Hex(bytes);
  lap();
  const backend = await kind.create(inMemory(bytes));
  lap();
  createTokenizer(await readAll(bucket, `${model}/tokenizer.bin`), special_tokens);
  lap();
  await backend.run([encoding]);
  lap();
  await backend.run([encoding]);
  lap();
  const [read = NaN, check = NaN, create = NaN, tokenizer = NaN, first = NaN, second = NaN] = times
    .slice(1)
    .map((time, i) => time - (times[i] ?? NaN));
  return { read, check, create, tokenizer, first, second };
}

async function readAll(bucket: R2Bucket, key: string): Promise<Uint8Array<ArrayBuffer>> {
  const object = await bucket.get(key);
  if (!object) throw new Error(`the bucket has no ${key}`);
  const whole = new Uint8Array(object.size);
  const reader = object.body.getReader({ mode: 'byob' });
  let spare = new ArrayBuffer(R2_READ_BYTES);
  for (let filled = 0; ;) {
    const { value, done } = await reader.readAtLeast(R2_READ_BYTES, new Uint8Array(spare));
    if (value) {
      whole.set(value, filled);
      filled += value.length;
      spare = value.buffer;
    }
    if (done) return whole;
  }
}

function inMemory(bytes: Uint8Array) {
  return {
    size: bytes.length,
    async read(take: (chunk: Uint8Array) => void) {
      take(bytes);
    },
    async verify() {},
  };
}

/** An encoding of `tokens` different tokens, one of them masked. */
export function encodingOf(tokens: number): Encoding {
  return {
    input_ids: Int32Array.from({ length: tokens }, (_, i) => 5 + ((i * 7919) % 20_000)).fill(4, 1, 2),
    token_type_ids: new Int32Array(tokens),
    masked_positions: Int32Array.of(1),
  };
}
