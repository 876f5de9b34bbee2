/**
 * npm run bench:long-texts -- [--base <checkout>] <folder> ...: what the dearest texts take, masked and truncated, one process for
 * each tokenizer: CPU time of the best run, and by how much V8's heap grew at most. With another checkout, ratios to that.
 */
import { spawnSync } from 'node:child_process';
import { basename, resolve } from 'node:path';

import { readOptions } from '../options.ts';
import { table } from './statistics.ts';
import type { LongTextTimes } from './encode-long-texts.ts';

const LENGTH = 32_700;
const SHAPES: readonly [name: string, length: number, part: string][] = [
  ['U+FDFA', LENGTH, '\ufdfa'],
  ['U+FDFA between five letters', LENGTH, '\ufdfaaaaaa'],
  ['U+FDFA between tokens', LENGTH, `${'\ufdfa'.repeat(1000)}[SEP]</s>`],
  ['.,!', LENGTH, '.,!'],
  ['.,! of 98,100 characters', 3 * LENGTH, '.,!'],
  ['Hangul', LENGTH, '가나 '],
  ['ideographs', LENGTH, '漢'],
  ['English', LENGTH, 'The quick brown fox jumps over the lazy dog, again and again. '],
];

const { values, positionals } = readOptions(
  `npm run bench:long-texts -- [--base <checkout>] <folder> ...

  <folder>   has the files of a tokenizer
  --base     the folder of another version, with its node_modules`,
  { base: { type: 'string' } },
  true,
);
const here = resolve(import.meta.dirname, '../..');

interface Measured {
  readonly best: number;
  /** By how much the heap grew, in MB. */
  readonly growth: number;
  readonly answer: string;
}

function measure(checkout: string, folder: string): Measured[] {
  const script = resolve(import.meta.dirname, 'encode-long-texts.ts');
  const shapes = JSON.stringify(SHAPES.map(([, length, part]) => [length, part]));
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--expose-gc', '--trace-gc', script, checkout, folder, shapes],
    { encoding: 'utf8', maxBuffer: 2 ** 26 },
  );
  // "[…] 123 ms: Scavenge 14.5 (18.0) -> 12.1 (20.0) MB": when, and the heap before the collection.
  const collections = Array.from(stdout.matchAll(/ ([\d.]+) ms: [^\n]*? ([\d.]+) \([\d.]+\) -> /g), ([, at, heap]) => ({
    at: Number(at),
    heap: Number(heap),
  }));
  const lines = stdout.split('\n').filter((one) => one.startsWith('{'));
  if (lines.length < SHAPES.length) throw new Error(stderr);
  return lines.map((line) => {
    const { best, heap_before, heap, begun, ended, answer } = JSON.parse(line) as LongTextTimes;
    const heaps = collections.filter(({ at }) => at > begun && at < ended).map((one) => one.heap);
    return { best, growth: Math.max(0.1, Math.max(heap, ...heaps) - heap_before), answer };
  });
}

function compare(value: number, base: number | undefined): string[] {
  return base === undefined ? [value.toFixed(1)] : [base.toFixed(1), value.toFixed(1), (value / base).toFixed(2)];
}

const rows: string[][] = [];
for (const folder of positionals) {
  const now = measure(here, resolve(folder));
  const base = values.base === undefined ? undefined : measure(resolve(values.base), resolve(folder));
  for (const [i, { best, growth, answer }] of now.entries()) {
    const before = base?.[i];
    rows.push([
      basename(resolve(folder)),
      SHAPES[i]?.[0] ?? '',
      ...compare(best, before?.best),
      ...compare(growth, before?.growth),
      answer,
    ]);
  }
}
const columns = (unit: string) => (values.base === undefined ? [unit] : [`${unit} before`, 'after', 'ratio']);
console.log(table(['tokenizer', 'text', ...columns('CPU, ms'), ...columns('heap, MB'), 'answer'], rows));
