/**
 * Measures which small changes of meaning the tests notice: `npm run test:mutants -- --sample 200 --seed 1`. It takes many
 * minutes, so that CI does not run it. Exits with 1 when too few are noticed.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';

import { seeded } from '../../models/evaluation/random.ts';
import { findImports, findMutants, type Mutant } from './find-mutants.ts';
import type { Order, Report } from './runner.ts';

const ROOT = join(import.meta.dirname, '../..');
const SCOPE = [
  ...['cache', 'concurrency', 'predict', 'pipelines', 'model', 'http'].map((folder) => `src/${folder}`),
  ...['hub', 'checkpoint', 'account'].map((folder) => `models/${folder}`),
];
/** The share of the mutants that must be noticed. */
const LEAST = 0.85;
/** More imports between a test and a file, and the test does not belong to it. */
const MAX_STEPS = 3;
/** A test that takes longer than it took without a mutant, by as much, has noticed it. */
const LIMIT = { factor: 3, more_ms: 5_000 };

const { values } = parseArgs({
  options: {
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    /** A folder or a file. */
    only: { type: 'string', multiple: true, default: SCOPE },
    /** Leaves out the tests in workerd, which take a quarter of a minute for each mutant. */
    node: { type: 'boolean', default: false },
  },
});

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const folderOf = (file: string): string => file.split('/').slice(0, 2).join('/');

/** The tests that belong to a file, for each project of vitest.config.ts. */
const PROJECTS: readonly { readonly name: string; readonly tests: (file: string) => readonly string[] }[] = [
  { name: 'unit', tests: () => ['test/*.test.ts', 'test/src/**/*.test.ts'] },
  { name: 'models', tests: (file) => (file.startsWith('models/') ? [`test/${folderOf(file)}/*.test.ts`] : []) },
  ...(values.node ? [] : [{ name: 'worker-engine', tests: workerTests }]),
];

/** A test in workerd takes long: only those of the same stage. */
function workerTests(file: string): readonly string[] {
  const stage = file.split('/')[1] ?? '';
  const folders = file.startsWith('src/')
    ? [stage, ...(['predict', 'model', 'pipelines'].includes(stage) ? ['backends'] : [])]
    : [];
  return folders.map((folder) => `test/worker/${folder}/*.test.ts`);
}

const imports = new Map<string, readonly string[]>();
function importsOf(file: string): readonly string[] {
  const known = imports.get(file);
  if (known) return known;
  const found = findImports(file, read(file))
    .filter((specifier) => specifier.startsWith('.') && specifier.endsWith('.ts'))
    .map((specifier) => relative(ROOT, join(ROOT, file, '..', specifier)))
    .filter((path) => existsSync(join(ROOT, path)));
  imports.set(file, found);
  return found;
}

/** @returns how many imports lead from a file to another one; Infinity if none do */
function distance(from: string, to: string): number {
  let reached = new Set([from]);
  const seen = new Set(reached);
  for (let steps = 0; reached.size > 0; steps++) {
    if (reached.has(to)) return steps;
    reached = new Set([...reached].flatMap(importsOf).filter((file) => !seen.has(file)));
    for (const file of reached) seen.add(file);
  }
  return Infinity;
}

const testsOf = new Map<string, readonly string[]>();
/** The nearest first. */
function findTests(file: string, patterns: readonly string[]): readonly string[] {
  const key = [file, ...patterns].join(' ');
  const tests =
    testsOf.get(key) ??
    globSync([...patterns], { cwd: ROOT })
      .map((test) => ({ test, steps: distance(test, file) }))
      .filter(({ test, steps }) => steps <= MAX_STEPS || (steps < Infinity && test.startsWith('test/worker/')))
      .toSorted((a, b) => a.steps - b.steps || a.test.localeCompare(b.test))
      .map(({ test }) => test);
  testsOf.set(key, tests);
  return tests;
}

const runners = new Map<string, ChildProcess>();
async function runnerOf(project: string): Promise<ChildProcess> {
  const running = runners.get(project);
  if (running) return running;
  // A group of its own, so that what it starts ends with it.
  const runner = fork(join(import.meta.dirname, 'runner.ts'), [project], {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  runners.set(project, runner);
  await once(runner, 'message');
  return runner;
}
function end(project: string): void {
  const pid = runners.get(project)?.pid;
  runners.delete(project);
  if (pid) process.kill(-pid, 'SIGKILL');
}
const endAll = () => [...runners.keys()].forEach(end);
process.on('SIGINT', () => {
  endAll();
  process.exit(130);
});

/** @returns what failed, and whether the mutant was loaded */
async function run(project: string, order: Order, limit_ms: number): Promise<Report> {
  const runner = await runnerOf(project);
  const stop = AbortSignal.timeout(limit_ms);
  runner.send(order);
  try {
    const [report] = (await once(runner, 'message', { signal: stop })) as [Report];
    if (report.error) throw new Error(report.error);
    return report;
  } catch (error) {
    if (!stop.aborted) throw error;
    end(project);
    return { failed: `no end after ${limit_ms} ms`, isApplied: true };
  }
}

const took_ms = new Map<string, number | undefined>();
/** @returns how long a test takes without a mutant; undefined if it fails, and can tell nothing */
async function prove(project: string, test: string): Promise<number | undefined> {
  const key = `${project} ${test}`;
  if (took_ms.has(key)) return took_ms.get(key);
  const start = performance.now();
  const { failed } = await run(project, { mutant: undefined, test }, 600_000);
  if (failed) console.log(`Left out, since it fails without a mutant: ${test}, ${failed}`);
  took_ms.set(key, failed ? undefined : performance.now() - start);
  return took_ms.get(key);
}

/** A test that may take ten seconds or more comes last: what a quicker one notices does not wait for it. */
const SLOW_MS = 10_000;

async function isNoticed(mutant: Mutant): Promise<boolean> {
  let isApplied = false;
  for (const { name, tests } of PROJECTS) {
    const usable: { test: string; usual_ms: number }[] = [];
    for (const test of findTests(mutant.file, tests(mutant.file))) {
      const usual_ms = await prove(name, test);
      if (usual_ms !== undefined) usable.push({ test, usual_ms });
    }
    const slowLast = usable.toSorted((a, b) => Number(a.usual_ms >= SLOW_MS) - Number(b.usual_ms >= SLOW_MS));
    for (const { test, usual_ms } of slowLast) {
      const limit_ms = Math.ceil(LIMIT.factor * usual_ms + LIMIT.more_ms);
      const report = await run(name, { mutant, test }, limit_ms);
      if (report.failed) return true;
      isApplied ||= report.isApplied;
    }
  }
  if (!isApplied) console.log(`No test loads ${mutant.file}.`);
  return false;
}

/** Mutants that nobody can tell from the code, with the reason. Lines may move. */
const equivalent = JSON.parse(read('test/mutants/equivalent.json')) as (Pick<Mutant, 'file' | 'before' | 'after'> & {
  readonly why: string;
})[];
const isEquivalent = ({ file, before, after }: Mutant): boolean =>
  equivalent.some((one) => one.file === file && one.before === before && one.after === after);
const show = ({ file, line, before, after }: Mutant): string =>
  `${file}:${line}\n  - ${before}\n  + ${after || '(nothing)'}`;

const all = values.only
  .flatMap((path) => (path.endsWith('.ts') ? [path] : globSync(`${path}/**/*.ts`, { cwd: ROOT }).toSorted()))
  .flatMap((file) => findMutants(file, read(file)));
const judged = all.filter((mutant) => !isEquivalent(mutant));
const random = seeded(Number(values.seed));
const drawn = judged
  .map((mutant) => ({ mutant, place: random(2 ** 32) }))
  .toSorted((a, b) => a.place - b.place)
  .slice(0, Number(values.sample ?? Infinity))
  .map(({ mutant }) => mutant);
console.log(
  `${drawn.length} of ${judged.length} mutants, seed ${values.seed}; ${all.length - judged.length} more are equivalent`,
);

const counts = new Map<string, { made: number; noticed: number }>();
const began = performance.now();
try {
  // File by file: a runner keeps what it has transformed.
  for (const mutant of drawn.toSorted((a, b) => a.file.localeCompare(b.file) || a.start - b.start)) {
    const noticed = await isNoticed(mutant);
    const count = counts.get(folderOf(mutant.file)) ?? { made: 0, noticed: 0 };
    counts.set(folderOf(mutant.file), { made: count.made + 1, noticed: count.noticed + (noticed ? 1 : 0) });
    if (!noticed) console.log(`Survived: ${show(mutant)}`);
  }
} finally {
  endAll();
}

const total = [...counts.values()].reduce(
  (sum, one) => ({ made: sum.made + one.made, noticed: sum.noticed + one.noticed }),
  {
    made: 0,
    noticed: 0,
  },
);
console.log(`\nAfter ${Math.round((performance.now() - began) / 60_000)} minutes:\n`);
console.log('| Folder | Mutants | Noticed | Share |\n| --- | --- | --- | --- |');
for (const [folder, { made, noticed }] of [...counts, ['all', total] as const]) {
  console.log(`| ${folder} | ${made} | ${noticed} | ${Math.round((100 * noticed) / made)} % |`);
}
process.exitCode = total.noticed / total.made < LEAST ? 1 : 0;
