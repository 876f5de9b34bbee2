/**
 * npm run bench:long-texts -- [--base <checkout>] <folder> ...: what the dearest texts take, masked and truncated, each in a fresh
 * process: CPU time of the first and of the best run, and the peak of V8's heap. With another checkout, ratios to that.
 */
import { spawnSync } from 'node:child_process';
import { basename, resolve } from 'node:path';

import { readOptions } from '../options.ts';
import { table } from './statistics.ts';
import type { LongTextTimes } from './workers/long-text.ts';

const SHAPES: readonly [name: string, part: string][] = [
  ['U+FDFA', '\ufdfa'],
  ['U+FDFA between letters', '\ufdfaaaaaa'],
  ['U+FDFA between tokens', `${'\ufdfa'.repeat(1000)}[SEP]</s>`],
  ['.,!', '.,!'],
  ['Hangul', '가나 '],
  ['ideographs', '漢'],
  ['English', 'The quick brown fox jumps over the lazy dog, again and again. '],
];

const { values, positionals } = readOptions(
  `npm run bench:long-texts -- [--base <checkout>] <folder> ...

  <folder>   has the files of a tokenizer
  --base     the folder of another version, with its node_modules`,
  { base: { type: 'string' } },
  true,
);
const here = resolve(import.meta.dirname, '../..');

function measure(checkout: string, folder: string, part: string): LongTextTimes & { readonly peak: number } {
  const script = resolve(import.meta.dirname, 'workers/long-text.ts');
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--expose-gc', '--trace-gc', script, checkout, folder, part],
    {
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    },
  );
  const line = stdout.split('\n').find((one) => one.startsWith('{'));
  if (line === undefined) throw new Error(stderr);
  const times = JSON.parse(line) as LongTextTimes;
  // "[…] 123 ms: Scavenge 14.5 (18.0) -> 12.1 (20.0) MB": when, and the heap before the collection.
  const collections = stdout.matchAll(/ ([\d.]+) ms: [^\n]*? ([\d.]+) \([\d.]+\) -> /g);
  const heaps = Array.from(collections, ([, at, heap]) => (Number(at) > times.begun ? Number(heap) : 0));
  return { ...times, peak: Math.max(times.created_heap, times.heap, ...heaps) };
}

const rows: string[][] = [];
for (const folder of positionals) {
  for (const [name, part] of SHAPES) {
    const now = measure(here, resolve(folder), part);
    const base = values.base === undefined ? undefined : measure(resolve(values.base), resolve(folder), part);
    const of = (value: (run: typeof now) => number) =>
      base === undefined
        ? [value(now).toFixed(1)]
        : [value(base).toFixed(1), value(now).toFixed(1), (value(now) / value(base)).toFixed(2)];
    rows.push([
      basename(resolve(folder)),
      name,
      ...of(({ first }) => first),
      ...of(({ best }) => best),
      ...of(({ peak, created_heap }) => Math.max(0.1, peak - created_heap)),
      now.answer,
    ]);
  }
}
const columns = (unit: string) => (values.base === undefined ? [unit] : [`${unit} before`, 'after', 'ratio']);
console.log(
  table(['tokenizer', 'text', ...columns('first, ms'), ...columns('best, ms'), ...columns('heap, MB'), 'answer'], rows),
);
