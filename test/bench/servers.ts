/** Starts the measured workers: those of this folder, and the deployments themselves. Starts workerd. */
import { join } from 'node:path';

import type { R2Bucket } from '@cloudflare/workers-types';
import { createTestHarness } from 'wrangler';

import { makeManifest } from '../../models/build/build.ts';
import { compileKernels } from '../../src/inference/compile-kernels.ts';
import { objectKey } from '../../src/model/manifest.ts';
import type { BenchModel, ModelName } from './models.ts';

// Benchmarks use no network.
process.env['WRANGLER_SEND_METRICS'] = 'false';
process.env['CLOUDFLARE_CF_FETCH_ENABLED'] = 'false';

export interface Server {
  readonly url: URL;
  close(): Promise<void>;
}

type Files = Readonly<Record<string, Uint8Array>>;

async function start(configPath: string, env: string | undefined, files: Files, vars: Record<string, string> = {}) {
  const server = createTestHarness({ workers: [{ configPath, vars, ...(env && { env }) }] });
  const { url } = await server.listen();
  const { MODELS: bucket } = await server.getWorker<{ MODELS: R2Bucket }>().getEnv();
  for (const [key, bytes] of Object.entries(files)) await bucket.put(key, bytes);
  return { url, close: () => server.close() };
}

export const BACKENDS = ['relaxed', 'plain', 'onnxruntime'] as const;
export type BackendName = (typeof BACKENDS)[number];

/** A worker that measures one backend, with the models in its bucket. */
export async function startMeasuring(
  backend: BackendName,
  models: Partial<Record<ModelName, BenchModel>>,
): Promise<Server> {
  if (backend !== 'onnxruntime') await compileKernels(backend);
  const files = Object.fromEntries(
    Object.entries(models).flatMap(([name, { artifacts }]) =>
      Object.entries(artifacts.files).map(([file, bytes]) => [`${name}/${file}`, bytes]),
    ),
  );
  const env = backend === 'relaxed' ? undefined : backend;
  return start(join(import.meta.dirname, 'wrangler.toml'), env, files);
}

/** Milliseconds of one prediction, the mean of `runs`, from a measuring worker. */
export async function measure(url: URL, model: ModelName, tokens: number, runs: number): Promise<number> {
  return ask(new URL(`/?model=${model}&tokens=${tokens}&runs=${runs}`, url));
}

export async function ask<T = number>(url: URL): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.href} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

/** An environment of wrangler.toml as deployed, with the model. */
export async function startDeployment(
  backend: 'engine' | 'onnxruntime',
  { checkpoint, artifacts }: BenchModel,
): Promise<Server> {
  const error = { texts: 1, masks: 1, top1_agreement: 0, mean_kl: 0, max_score_error: 0 };
  const card = { license: 'none', source: 'the benchmark' };
  const manifest = await makeManifest(checkpoint, artifacts, { 'model.onnx': error, 'model.efm': error }, card);
  const { id, revision } = manifest;
  const contents = { ...artifacts.files, 'manifest.json': new TextEncoder().encode(JSON.stringify(manifest)) };
  const files = Object.fromEntries(
    Object.entries(contents).map(([name, bytes]) => [
      objectKey(id, revision, name as Parameters<typeof objectKey>[2]),
      bytes,
    ]),
  );
  const env = backend === 'engine' ? undefined : backend;
  const configPath = join(import.meta.dirname, '../../wrangler.toml');
  return start(configPath, env, files, {
    MODEL: `${id}@${revision}`,
    CACHE_STATUS: 'all',
    RATE_LIMITS: 'off',
    REQUEST_LOG: 'off',
  });
}
