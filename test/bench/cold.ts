/**
 * npm run bench:cold: the first request of an isolate, in workerd. Prints its time against a later one, with a bucket that answers at
 * once and one that takes a while, and a profile of where its CPU time goes, by file. Prints Markdown.
 */
import { cpus } from 'node:os';

import { readOptions } from '../options.ts';
import { type PlainWorker, plainWorkers } from './plain-worker.ts';
import { ratioOf, shown, spreadOf, table } from './statistics.ts';

const QUESTION = { path: '/fill-mask', text: 'I love [MASK] because you are [MASK].' };
const READ_MS = [0, 30];
const LATER = 30;
/** Between two samples of the profile, in microseconds. A longer gap is time in which the worker waited. */
const SAMPLE_US = 50;
/** Rows of the profile. */
const SHOWN = 30;

const sumOf = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

const { values } = readOptions('npm run bench:cold [-- --isolates 15]', {
  isolates: { type: 'string', default: '15' },
  'only-profile': { type: 'boolean' },
});
const isolates = Number(values.isolates);
console.log(
  `${cpus()[0]?.model.trim()}, Node ${process.versions.node}; medians (and the middle half) of ${isolates} isolates\n`,
);
if (!values['only-profile']) await times();
await profile();

async function times(): Promise<void> {
  const workers = await plainWorkers();
  const rows: string[][] = [];
  for (const read_ms of READ_MS) {
    const first = { wall: [] as number[], cpu: [] as number[] };
    const later = { wall: [] as number[], cpu: [] as number[] };
    for (let i = 0; i < isolates; i++) {
      const worker = await workers.start(read_ms);
      await worker.ask({ path: '/health' });
      const cost = await worker.cost(QUESTION);
      const costs = [];
      for (let k = 0; k < LATER; k++) costs.push(await worker.cost(QUESTION));
      for (const unit of ['wall', 'cpu'] as const) {
        first[unit].push(cost[unit]);
        // The first ten are slower, until V8 has compiled what they run.
        later[unit].push(spreadOf(costs.slice(10).map((one) => one[unit])).median);
      }
      await worker.close();
    }
    for (const unit of ['wall', 'cpu'] as const) {
      rows.push([
        `${unit === 'wall' ? 'time' : 'CPU time'}, each read from the bucket after ${read_ms} ms`,
        shown(spreadOf(first[unit])),
        shown(spreadOf(later[unit])),
        shown(ratioOf(first[unit], later[unit])),
      ]);
    }
  }
  workers.close();
  console.log(`${table([`${workers.model}, ms`, 'first request', 'a later one', 'ratio'], rows)}\n`);
}

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

async function profileOf(worker: PlainWorker, run: () => Promise<unknown>): Promise<Profile> {
  const { call, close } = await worker.inspect();
  try {
    await call('Profiler.enable');
    await call('Profiler.setSamplingInterval', { interval: SAMPLE_US });
    await call('Profiler.start');
    await run();
    return (await call<{ profile: Profile }>('Profiler.stop')).profile;
  } finally {
    close();
  }
}

/** The source of each line of the script, which wrangler names in comments. */
function sourcesOf(script: string): (line: number) => string {
  const sources: string[] = [];
  let current = 'wrangler';
  for (const line of script.split('\n')) {
    const named = /^\/\/ ((?:\.\.\/)*(?:src|node_modules)\/\S+)$/.exec(line)?.[1];
    if (named) current = named.replace(/^.*node_modules\/((?:@[^/]+\/)?[^/]+).*$/, '$1').replace(/^.*?src\//, 'src/');
    sources.push(current);
  }
  return (line) => sources[line] ?? 'unknown';
}

async function profile(): Promise<void> {
  const workers = await plainWorkers(true);
  const sourceOf = sourcesOf(workers.script);
  const shares = new Map<string, number[]>();
  const wholes: number[] = [];
  for (let i = 0; i < isolates; i++) {
    const worker = await workers.start();
    await worker.ask({ path: '/health' });
    const { nodes, samples, timeDeltas } = await profileOf(worker, () => worker.ask(QUESTION));
    await worker.close();
    const names = new Map(
      nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
        if (functionName === '(idle)') return [id, ''];
        if (url.startsWith('wasm:')) return [id, 'WASM'];
        return [id, url === '' ? functionName || '(native)' : sourceOf(lineNumber)];
      }),
    );
    const spent = new Map<string, number>();
    for (const [k, id] of samples.entries()) {
      const name = names.get(id) ?? '';
      if (name !== '') spent.set(name, (spent.get(name) ?? 0) + Math.min(timeDeltas[k] ?? 0, 4 * SAMPLE_US) / 1000);
    }
    wholes.push(sumOf([...spent.values()]));
    for (const [name, ms] of spent) shares.set(name, [...(shares.get(name) ?? []), ms]);
  }
  workers.close();
  const whole = sumOf(wholes);
  const rows = Array.from(shares, ([name, all]) => [name, sumOf(all) / whole] as const)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, share]) => [name, `${(100 * share).toFixed(1)} %`]);
  console.log(`${table(['file, or kind of work', 'share of the samples'], rows.slice(0, SHOWN))}\n`);
}
