/**
 * npm run bench:roofline: how near the engine comes to its bare inner loop, in multiply-adds a second. Both run in this process,
 * and the least CPU time of a round counts. Prints Markdown.
 */
import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';

import { weightsIn } from '../../models/build/build.ts';
import { engineBackend } from '../../models/evaluation/backends.ts';
import type { Backend } from '../../src/inference/backend.ts';
import { compileKernels } from '../../src/inference/compile-kernels.ts';
import { costModelOf } from '../../src/model/cost.ts';
import { readOptions } from '../options.ts';
import { leastCpuTimes } from './least-cpu.ts';
import { benchModel, MODELS, TITLES } from './models.ts';
import { table } from './statistics.ts';

const TOKENS = [4, 16, 64, 128, 512];
const ROUNDS = 30;
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
for (const name of MODELS) {
  const { checkpoint, artifacts } = await benchModel(name);
  const { hidden_size: H, embedding_size: E, vocab_size: V } = checkpoint.weights.config;
  const { text } = costModelOf(checkpoint.weights.config);
  const backend = await engineBackend(weightsIn(artifacts, 'model.efm'));
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
