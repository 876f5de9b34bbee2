/**
 * npm run bench:roofline: how near the engine comes to its bare inner loop, in multiply-adds a second, and which kernels take
 * its time. All run in this process, and the least CPU time of a round counts. Prints Markdown.
 */
import { readFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { cpus } from 'node:os';

import { weightsIn } from '../../models/build/build.ts';
import { engineBackend, inMemory } from '../../models/evaluation/backends.ts';
import type { Backend } from '../../src/inference/backend.ts';
import { compileKernels } from '../../src/inference/compile-kernels.ts';
import { loadEngine } from '../../src/inference/engine.ts';
import { costModelOf } from '../../src/model/cost.ts';
import { readOptions } from '../options.ts';
import { leastCpuTimes } from './least-cpu.ts';
import { benchModel, MODELS, TITLES } from './models.ts';
import { table } from './statistics.ts';
import { encodingOf } from './workers/measuring.ts';

const TOKENS = [4, 16, 64, 128, 512];
const ROUNDS = 30;
const PROFILED = [4, 16, 512];
/** How many tokens a profile takes. */
const PROFILE_TOKENS = 8192;
/** Kernels that take less are summed up. */
const LEAST_SHARE = 0.02;
/** Of a base model, and how often: about 10 ms. */
const K = 768;
const TIMES = 20_000;

readOptions('npm run bench:roofline', {});
const module = await WebAssembly.compile(new Uint8Array(await readFile(await compileKernels('relaxed', 'bare-loop'))));
const { multiply } = new WebAssembly.Instance(module).exports as { multiply: (K: number, times: number) => void };
const bareLoop: Backend = {
  async run() {
    multiply(K, TIMES);
    return [];
  },
};
const [least = NaN] = await leastCpuTimes([bareLoop], 1, { rounds: ROUNDS, round_tokens: 1 });
const bare = (TIMES * 4 * 8 * K) / least / 1000;
console.log(
  `${cpus()[0]?.model.trim()}, Node ${process.versions.node}: ${bare.toFixed(1)} billion multiply-adds a second in the bare loop\n`,
);

const rows: string[][] = [];
const profiles: ReadonlyMap<string, number>[] = [];
for (const name of MODELS) {
  const { checkpoint, artifacts } = await benchModel(name);
  const { hidden_size: H, embedding_size: E, vocab_size: V } = checkpoint.weights.config;
  const { text } = costModelOf(checkpoint.weights.config);
  const backend = await engineBackend(weightsIn(artifacts, 'model.efm'));
  for (const tokens of PROFILED) profiles.push(await profileOf(weightsIn(artifacts, 'model.efm'), tokens));
  for (const tokens of TOKENS) {
    const round_tokens = Math.max(tokens, 64);
    const [time = NaN] = await leastCpuTimes([backend], tokens, { rounds: ROUNDS, round_tokens });
    const runs = Math.ceil(round_tokens / tokens);
    // The head multiplies in 14 bits: twice.
    const work = text(tokens, 0) + 2 * (H * E + E * V);
    const rate = (runs * work) / time / 1000;
    rows.push([TITLES[name], String(tokens), rate.toFixed(1), (rate / bare).toFixed(2)]);
  }
}
console.log(table(['model', 'tokens', 'billion multiply-adds a second', 'of the bare loop'], rows));

const titles = MODELS.flatMap((name) => PROFILED.map((tokens) => `${name}, ${tokens} tokens`));
const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
const kernels = [...new Set(profiles.flatMap((profile) => [...profile.keys()]))]
  .map((kernel) => ({ kernel, shares: profiles.map((profile) => profile.get(kernel) ?? 0) }))
  .filter(({ shares }) => Math.max(...shares) >= LEAST_SHARE)
  .toSorted((a, b) => Math.max(...b.shares) - Math.max(...a.shares));
const rest = profiles.map((_, i) => 1 - kernels.reduce((sum, { shares }) => sum + (shares[i] ?? 0), 0));
console.log();
console.log(
  table(
    ["of the engine's CPU time", ...titles],
    [
      ...kernels.map(({ kernel, shares }) => [`\`${kernel}\``].concat(shares.map(percent))),
      ['all else', ...rest.map(percent)],
    ],
  ),
);

/** @returns for each function the share of the samples in it, without what the optimizer moved into its callers */
async function profileOf(file: Uint8Array, tokens: number): Promise<Map<string, number>> {
  const named = await WebAssembly.compile(
    new Uint8Array(await readFile(await compileKernels('relaxed', 'index', true))),
  );
  const backend = await loadEngine(named, inMemory(file));
  const runs = async (count: number) => {
    for (let run = 0; run < count; run++) await backend.run([encodingOf(tokens)]);
  };
  const count = Math.ceil(PROFILE_TOKENS / tokens);
  await runs(Math.ceil(count / 4)); // the optimizing compiler first
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.start');
  await runs(count);
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame.functionName.replace(/^.*\//, '')]));
  const shares = new Map<string, number>();
  const samples = profile.samples ?? [];
  for (const id of samples)
    shares.set(names.get(id) ?? '', (shares.get(names.get(id) ?? '') ?? 0) + 1 / samples.length);
  return shares;
}
