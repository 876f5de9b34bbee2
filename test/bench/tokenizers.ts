/**
 * npm run bench:tokenizers [-- [--base <checkout>] <folder> ...]: loads tokenizers in plain miniflare, each in fresh processes. Prints
 * the time until the first text is encoded, and the memory that the tokenizer takes. Starts workerd. With another checkout, it
 * compares instead the CPU time of sentences, in this process.
 */
import { cpus } from 'node:os';
import { basename, join, resolve } from 'node:path';

import { build as bundle } from 'esbuild';
import { Miniflare } from 'miniflare';

import { selectedModel } from '../../models/bucket/deployed.ts';
import { type FoundTokenizer, readTokenizer } from '../../models/tokenizer/files.ts';
import { memoryOf } from '../chaos/isolate.ts';
import { readOptions } from '../options.ts';
import { sentenceTimes } from './sentence-times.ts';
import { table } from './statistics.ts';
import type { Times } from './workers/tokenizer.ts';

const PROCESSES = 20;
const QUESTION = 'I love [MASK] because you are [MASK].';

const { values, positionals } = readOptions(
  `npm run bench:tokenizers [-- [--base <checkout>] <folder> ...]

  <folder>   has the files of a tokenizer; without one, the default model's is measured
  --base     the folder of another version, with its node_modules: compare the CPU time of sentences`,
  { base: { type: 'string' } },
  true,
);
const folders = positionals.length > 0 ? positionals : [join('models', selectedModel().id)];

if (values.base !== undefined) {
  console.log(await sentenceTimes(resolve(values.base), folders));
  process.exit(0);
}

const { outputFiles } = await bundle({
  entryPoints: [join(import.meta.dirname, 'workers/tokenizer.ts')],
  bundle: true,
  format: 'esm',
  minify: true,
  write: false,
});
const contents = outputFiles[0]?.contents ?? new Uint8Array();

async function load({ packed, special_tokens }: FoundTokenizer): Promise<Times & { readonly bytes: number }> {
  const miniflare = new Miniflare({
    inspectorPort: 0,
    workers: [
      {
        config: {
          name: 'app',
          compatibilityDate: '2026-10-01',
          manifest: { mainModule: 'index.js', modules: { 'index.js': { type: 'esm', contents } } },
        },
      },
    ],
  } as unknown as ConstructorParameters<typeof Miniflare>[0]);
  try {
    const { origin } = await miniflare.ready;
    await fetch(origin);
    const { script: before } = await memoryOf(miniflare);
    const query = new URLSearchParams({ special: JSON.stringify(special_tokens), text: QUESTION });
    const response = await fetch(`${origin}/?${query.toString()}`, { method: 'POST', body: packed });
    const times = (await response.json()) as Times;
    return { ...times, bytes: (await memoryOf(miniflare)).script - before };
  } finally {
    await miniflare.dispose();
  }
}

console.log(
  `${cpus()[0]?.model.trim()}, Node ${process.versions.node}; means of ${PROCESSES} processes, since the clock of workerd has steps of 1 ms\n`,
);
const rows: string[][] = [];
for (const folder of folders) {
  const tokenizer = await readTokenizer(resolve(folder));
  const runs: Awaited<ReturnType<typeof load>>[] = [];
  for (let i = 0; i < PROCESSES; i++) runs.push(await load(tokenizer));
  const of = (value: (run: (typeof runs)[number]) => number) =>
    (runs.reduce((sum, run) => sum + value(run), 0) / runs.length).toFixed(1);
  rows.push([
    basename(resolve(folder)),
    (tokenizer.packed.length / 1e6).toFixed(2),
    of(({ bytes }) => bytes / 1e6),
    of(({ create }) => create),
    of(({ first }) => first),
    of(({ create, first }) => create + first),
    of(({ second }) => second),
  ]);
}
const head = ['tokenizer', 'file, MB', 'memory, MB', 'created, ms', 'first text', 'ready', 'a text again'];
console.log(table(head, rows));
