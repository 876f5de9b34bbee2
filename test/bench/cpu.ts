/** npm run bench:cpu: measures the CPU time of a request in workerd, warm and as the first of an isolate. Prints Markdown. */
import { cpus } from 'node:os';

import { readOptions } from '../options.ts';
import { plainWorkers, textOf } from './plain-worker.ts';
import { shown, spreadOf, table } from './statistics.ts';

const TOKENS = [8, 16, 32, 64];
const ROUNDS = 60;
const ISOLATES = 9;

readOptions('npm run bench:cpu', {});
const workers = await plainWorkers();
console.log(
  `${cpus()[0]?.model.trim()}, Node ${process.versions.node}; CPU milliseconds, median (and the middle half)\n`,
);

const first: number[] = [];
for (let i = 0; i < ISOLATES; i++) {
  const worker = await workers.start();
  first.push((await worker.cost({ path: '/fill-mask', text: textOf(16) })).cpu);
  await worker.close();
}

const worker = await workers.start();
for (const tokens of TOKENS) {
  const answer = (await worker.ask({ path: '/tokenize', text: textOf(tokens) })) as { tokens: unknown[] };
  if (answer.tokens.length !== tokens) throw new Error(`the text for ${tokens} tokens has ${answer.tokens.length}`);
}
const health: number[] = [];
const warm = TOKENS.map((): number[] => []);
for (let round = -5; round < ROUNDS; round++) {
  const costs = [];
  for (const tokens of TOKENS) costs.push((await worker.cost({ path: '/fill-mask', text: textOf(tokens) })).cpu);
  const idle = (await worker.cost({ path: '/health' })).cpu;
  // The first rounds warm up.
  if (round < 0) continue;
  health.push(idle);
  for (const [i, ms] of costs.entries()) warm[i]?.push(ms);
}
await worker.close();
workers.close();

console.log(
  table(
    [workers.model, 'CPU, ms'],
    [
      ['GET /health', shown(spreadOf(health))],
      ...TOKENS.map((tokens, i) => [`${tokens} tokens, no cache`, shown(spreadOf(warm[i] ?? []))]),
      ['16 tokens, the first request of an isolate', shown(spreadOf(first))],
    ],
  ),
);
