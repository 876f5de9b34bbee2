/**
 * npm run bench: compares the engine with other runtimes on the same weights. Machines are noisy, so each figure is a ratio of
 * neighbouring runs, with its median and middle half. Starts workerd, prints Markdown.
 */
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { PRICES } from '../../models/account/cost.ts';
import { weightsIn } from '../../models/build/build.ts';
import { engineBackend } from '../../models/evaluation/backends.ts';
import { readOptions, refuse } from '../options.ts';
import { postJson } from '../post-json.ts';
import { benchModel, MODELS, type ModelName, TITLES } from './models.ts';
import { importPeers, onnxruntimeNode, type Timed, transformersJs } from './peers.ts';
import { ask, BACKENDS, measure, startDeployment, startMeasuring } from './servers.ts';
import { ratioOf, shown, spreadOf, table } from './statistics.ts';
import { encodingOf, type Parts } from './workers/measuring.ts';

const TOKENS = [4, 16, 64, 128, 512];
const PRICED_TOKENS = 16;
const QUESTION = 'I love [MASK] because you are [MASK].';

const PARTS: Record<keyof Parts, string> = {
  read: 'its parts: the weights from R2',
  check: 'SHA-256',
  create: 'instantiate and copy, or make a session',
  tokenizer: 'read and load the tokenizer',
  first: 'first run, 10 tokens',
  second: 'second run',
};

const SECTIONS = ['warm', 'first', 'memory'] as const;
const USAGE = `npm run bench -- [--only ${SECTIONS.join(' | --only ')}] [--rounds 15] [--processes 10]`;
const { values } = readOptions(USAGE, {
  only: { type: 'string', multiple: true, default: [...SECTIONS] },
  rounds: { type: 'string', default: '15' },
  processes: { type: 'string', default: '10' },
});
const rounds = Number(values.rounds);
const processes = Number(values.processes);
if (
  !(rounds >= 1) ||
  !(processes >= 1) ||
  !values.only.every((name) => (SECTIONS as readonly string[]).includes(name))
) {
  refuse('--rounds and --processes are numbers from 1, and --only names a section', USAGE);
}

console.log(`${cpus()[0]?.model.trim()}, Node ${process.versions.node}; ratios are medians (and the middle half)\n`);
const models = { base: await benchModel('base'), default: await benchModel('default') };
if (values.only.includes('warm')) await warm();
if (values.only.includes('first')) for (const model of MODELS) await first(model);
if (values.only.includes('memory')) await memory();

/** Predictions of warm backends, in turn. Each worker has its own process; the peers run in this one. */
async function warm(): Promise<void> {
  const peers = await importPeers();
  if ('missing' in peers) console.log(`Without the peers (${peers.missing}): npm ci --prefix test/bench\n`);
  const servers = await Promise.all(
    BACKENDS.map(async (backend) => [backend, await startMeasuring(backend, models)] as const),
  );
  try {
    for (const model of MODELS) {
      const contestants: [name: string, Timed][] = servers.map(([backend, { url }]) => [
        { relaxed: 'engine', plain: 'engine, plain SIMD', onnxruntime: 'onnxruntime-web' }[backend],
        (tokens, runs) => measure(url, model, tokens, runs),
      ]);
      if (!('missing' in peers)) {
        contestants.push(['onnxruntime-node', await onnxruntimeNode(peers.ort, models[model])]);
        contestants.push(['transformers.js', await transformersJs(peers.transformers, models[model])]);
      }
      await compare(model, contestants);
    }
  } finally {
    await Promise.all(servers.map(([, server]) => server.close()));
  }
}

async function compare(model: ModelName, contestants: readonly [string, Timed][]): Promise<void> {
  const rows: string[][] = [];
  let priced: number[][] = [];
  for (const tokens of TOKENS) {
    const times: number[][] = contestants.map(() => []);
    // Short runs are repeated to even out the steps of the clock; long ones have fewer rounds.
    const runs = Math.max(1, Math.round((model === 'base' ? 16 : 256) / tokens));
    const turns = tokens >= 512 ? Math.ceil(rounds / 3) : rounds;
    for (let round = -1; round < turns; round++) {
      for (const [i, [, timed]] of contestants.entries()) {
        const time = await timed(tokens, runs);
        if (round >= 0) times[i]?.push(time);
      }
    }
    const [engine = []] = times;
    rows.push([
      String(tokens),
      shown(spreadOf(engine)),
      ...times.slice(1).map((other) => shown(ratioOf(other, engine))),
    ]);
    if (tokens === PRICED_TOKENS) priced = times;
  }
  const others = contestants.slice(1).map(([name]) => `× ${name}`);
  console.log(`### Warm, ${TITLES[model]}\n`);
  console.log(`${table(['tokens', 'engine, ms', ...others], rows)}\n`);

  const prices = contestants.slice(0, BACKENDS.length).map(([name], i) => {
    const { median } = spreadOf(priced[i] ?? []);
    const dollars = 1e6 * (PRICES.request + PRICES.cpuMs * median);
    return [name, median.toFixed(1), `$${dollars.toFixed(2)}`];
  });
  console.log(table([`${PRICED_TOKENS} tokens`, 'CPU, ms', 'a million predictions'], prices));
  console.log(`
At $${1e6 * PRICES.request} for a million requests and $${1e6 * PRICES.cpuMs} for a million ms (${PRICES.published}, beyond what the plan includes), of the model alone, on this machine.
`);
}

/**
 * The first request of a fresh process over HTTP, then its parts, measured by a worker in another fresh process. The dev server is part
 * of each time over HTTP; `npm run bench:cold` measures the worker alone.
 */
async function first(model: ModelName): Promise<void> {
  const backends = ['engine', 'onnxruntime'] as const;
  const requests = { engine: [] as number[], onnxruntime: [] as number[] };
  const next = { engine: [] as number[], onnxruntime: [] as number[] };
  const parts = { engine: [] as Parts[], onnxruntime: [] as Parts[] };
  for (let i = 0; i < processes; i++) {
    for (const backend of backends) {
      const server = await startDeployment(backend, models[model]);
      try {
        await fetch(new URL('/health', server.url));
        requests[backend].push(await question(server.url));
        const warmOnes = [];
        for (let k = 0; k < 20; k++) warmOnes.push(await question(server.url));
        next[backend].push(spreadOf(warmOnes).median);
      } finally {
        await server.close();
      }
      const measuring = await startMeasuring(backend === 'engine' ? 'relaxed' : backend, models);
      try {
        parts[backend].push(await ask<Parts>(new URL(`/parts?model=${model}&tokens=10`, measuring.url)));
      } finally {
        await measuring.close();
      }
    }
  }
  const rows = (
    [
      ['first request', requests],
      ['a later one', next],
      ...(['read', 'check', 'create', 'tokenizer', 'first', 'second'] as const).map(
        (part) => [PARTS[part], part] as const,
      ),
    ] as const
  ).map(([name, of]) => {
    const [engine, onnxruntime] = backends.map((backend) =>
      typeof of === 'string' ? parts[backend].map((one) => one[of]) : of[backend],
    );
    return [
      name,
      shown(spreadOf(engine ?? [])),
      shown(spreadOf(onnxruntime ?? [])),
      shown(ratioOf(onnxruntime ?? [], engine ?? [])),
    ];
  });
  console.log(`### The first request of a fresh workerd process, ${TITLES[model]}, ${processes} processes each, ms\n`);
  console.log(`${table(['', 'engine', 'onnxruntime-web', 'ratio'], rows)}\n`);
  const read = spreadOf(parts.engine.map((one) => one.read)).median;
  const { median } = spreadOf(requests.engine.map((time, i) => (time - read) / (next.engine[i] ?? NaN)));
  console.log(`Without the read from R2, the engine's first request is ${median.toFixed(1)} × a later one.\n`);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

async function question(url: URL): Promise<number> {
  const start = performance.now();
  // A later request computes its answer, too.
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  const response = await postJson(new URL('/fill-mask', url), { inputs: QUESTION }, { headers });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`the worker answered ${response.status}`);
  return performance.now() - start;
}

async function memory(): Promise<void> {
  const rows = [];
  for (const model of MODELS) {
    const file = weightsIn(models[model].artifacts, 'model.efm');
    const backend = await engineBackend(file);
    const loaded = backend.kernels.memory.buffer.byteLength;
    await backend.run([encodingOf(512)]);
    const used = backend.kernels.memory.buffer.byteLength;
    const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'heap.ts'), model]);
    const theirs = JSON.parse(stdout) as { loaded: number; used: number };
    rows.push([TITLES[model], ...[file.length, loaded, used, theirs.loaded, theirs.used].map(megabytes)]);
  }
  console.log('### WASM memory, MB\n');
  console.log(
    `${table(['', 'weights', 'engine, loaded', 'after 512 tokens', 'onnxruntime-web, loaded', 'after 512 tokens'], rows)}\n`,
  );
  const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'check:size'], {
    cwd: join(import.meta.dirname, '../..'),
  });
  console.log(`### Deployed scripts\n\n${stdout}`);
}
