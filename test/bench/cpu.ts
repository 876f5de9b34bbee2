/**
 * npm run bench:cpu: measures the CPU time of a request in workerd, warm and as the first of an isolate. With `--against` it
 * measures the worker of another checkout as well, request by request in turns, and prints ratios. Prints Markdown.
 */
import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';

import { readOptions, refuse } from '../options.ts';
import { type PlainWorker, plainWorkers, type Request, textOf } from './plain-worker.ts';
import { intervalOf, ratioOf, shown, spreadOf, table } from './statistics.ts';

const TOKENS = [8, 16, 32, 64];
const ROUNDS = 60;
const WARM_UP = 5;
const ISOLATES = 9;
/** With `--against`: V8 compiles each process a little differently, so that one pair of processes is not enough. */
const PAIRS = 4;
const LIST = 8;

const USAGE =
  'npm run bench:cpu -- [--against <folder of another checkout, with node_modules>] [--rounds 60] [--pairs 4]';
const { values } = readOptions(USAGE, {
  against: { type: 'string' },
  rounds: { type: 'string', default: String(ROUNDS) },
  pairs: { type: 'string', default: String(PAIRS) },
});
const [rounds, pairs] = [Number(values.rounds), Number(values.pairs)];
if (!(rounds >= 1 && pairs >= 1)) refuse('--rounds and --pairs are numbers from 1', USAGE);

const afresh = (tokens: number): Request => ({ path: '/fill-mask', text: textOf(tokens) });

async function measure(): Promise<void> {
  const workers = await plainWorkers();
  const first: number[] = [];
  for (let i = 0; i < ISOLATES; i++) first.push(await costOfFirst(() => workers.start()));

  const worker = await workers.start();
  for (const tokens of TOKENS) {
    const answer = (await worker.ask({ path: '/tokenize', text: textOf(tokens) })) as { tokens: unknown[] };
    if (answer.tokens.length !== tokens) throw new Error(`the text for ${tokens} tokens has ${answer.tokens.length}`);
  }
  const health: number[] = [];
  const warm = TOKENS.map((): number[] => []);
  for (let round = -WARM_UP; round < rounds; round++) {
    const costs = [];
    for (const tokens of TOKENS) costs.push((await worker.cost(afresh(tokens))).cpu);
    const idle = (await worker.cost({ path: '/health' })).cpu;
    if (round < 0) continue;
    health.push(idle);
    for (const [i, ms] of costs.entries()) warm[i]?.push(ms);
  }
  await worker.close();
  workers.close();

  const rows = [
    ['GET /health', shown(spreadOf(health))],
    ...TOKENS.map((tokens, i) => [`${tokens} tokens, no cache`, shown(spreadOf(warm[i] ?? []))]),
    ['16 tokens, the first request of an isolate', shown(spreadOf(first))],
  ];
  console.log(`CPU milliseconds, median (and the middle half)\n\n${table([workers.model, 'CPU, ms'], rows)}`);
}

async function costOfFirst(start: () => Promise<PlainWorker>): Promise<number> {
  const worker = await start();
  const { cpu } = await worker.cost(afresh(16));
  await worker.close();
  return cpu;
}

/** The kinds of requests that are compared. Each is given a number that no other request has. */
const KINDS: Readonly<Record<string, (number: number) => Request & { readonly atEdge?: boolean }>> = {
  'GET /health': () => ({ path: '/health' }),
  'a hit in the isolate': () => ({ ...cachedText('The same question is a [MASK].'), status: /^isolate; hit/ }),
  'a hit at the edge': (n) => ({ ...cachedText(question(n)), atEdge: true, status: /edge; hit/ }),
  'a miss': (n) => ({ ...cachedText(question(n)), status: /edge; fwd=miss/ }),
  [`a list of ${LIST}, hits in the isolate`]: () => ({ ...cachedText(list('same')), status: /^isolate; hit/ }),
  [`a list of ${LIST}, hits at the edge`]: (n) => ({ ...cachedText(list(n)), atEdge: true, status: /edge; hit/ }),
  [`a list of ${LIST}, misses`]: (n) => ({ ...cachedText(list(n)), status: /edge; fwd=miss/ }),
  ...Object.fromEntries(TOKENS.map((tokens) => [`${tokens} tokens, no cache`, () => afresh(tokens)])),
};
const cachedText = (text: string | string[]): Request => ({ path: '/fill-mask', text, cached: true });
const question = (n: number) => `Question ${n} is about a [MASK].`;
const list = (n: number | string) =>
  Array.from({ length: LIST }, (_, i) => `Question ${n} and ${i} is about a [MASK].`);

/** @param folder of the checkout that is measured as the one before */
async function compare(folder: string): Promise<void> {
  if (!existsSync(join(folder, 'node_modules'))) refuse(`${folder} has no node_modules: run npm ci there`, USAGE);
  const both = [await plainWorkers(), await plainWorkers(false, folder)] as const;
  const costs = Object.fromEntries(Object.keys(KINDS).map((name) => [name, [[], []] as [number[], number[]]]));
  const first: [number[], number[]] = [[], []];
  let number = 0;
  for (let pair = 0; pair < pairs; pair++) {
    const sides: { filler: PlainWorker; measured: PlainWorker }[] = [];
    for (const [side, workers] of both.entries()) {
      const edge = `${pair}-${side}`;
      sides.push({ filler: await workers.start(0, edge), measured: await workers.start(0, edge) });
    }
    for (const kind of Object.values(KINDS)) {
      const { status: _, ...request } = kind(number);
      for (const { measured } of sides) await measured.ask(request);
    }
    for (let round = -WARM_UP; round < rounds; round++) {
      for (const [name, kind] of Object.entries(KINDS)) {
        const { atEdge = false, ...request } = kind(++number);
        const spent = [0, 0];
        // They take turns in going first.
        for (const side of number % 2 === 0 ? [0, 1] : [1, 0]) {
          const { filler, measured } = sides[side] as (typeof sides)[number];
          if (atEdge) await filler.ask({ ...request, status: /^/ });
          spent[side] = (await measured.cost(request)).cpu;
        }
        if (round >= 0) for (const side of [0, 1] as const) costs[name]?.[side].push(spent[side] ?? NaN);
      }
    }
    for (const { filler, measured } of sides) await Promise.all([filler.close(), measured.close()]);
  }
  for (let i = 0; i < ISOLATES; i++) {
    for (const side of i % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      first[side].push(await costOfFirst(() => both[side].start()));
    }
  }
  for (const workers of both) workers.close();

  const rows = Object.entries({ ...costs, '16 tokens, the first request of an isolate': first }).map(
    ([name, [now, before]]) => {
      const { median } = ratioOf(now, before);
      const [low, high] = intervalOf(now.map((ms, i) => ms / (before[i] ?? NaN)));
      const ratio = `${median.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`;
      return [name, shown(spreadOf(before)), shown(spreadOf(now)), ratio];
    },
  );
  console.log(
    `CPU milliseconds, median (and the middle half); ratios of requests next to each other, median (and its 95 % interval)\n\n` +
      table([both[0].model, 'before, ms', 'now, ms', 'ratio'], rows),
  );
}

console.log(`${cpus()[0]?.model.trim()}, Node ${process.versions.node}\n`);
await (values.against === undefined ? measure() : compare(resolve(values.against)));
