/**
 * npm run bench:units: what requests take in workerd and what they are charged, in CPU time: each shape until it has paid some units.
 * A ratio above 1 is work that is not paid. Prints Markdown.
 */
import { cpus } from 'node:os';

import { EXPENSIVE_WORK, SLOW_WORK_PER_SECOND } from '../../src/limits.ts';
import { json, post, send, SHAPES } from '../chaos/abuse.ts';
import { readOptions } from '../options.ts';
import { plainWorkers } from './plain-worker.ts';
import { table } from './statistics.ts';

const UNIT_MS = (1000 * EXPENSIVE_WORK) / SLOW_WORK_PER_SECOND;
/** Fewer tell little: a unit is charged as a whole. */
const UNITS = 2;
const MOST_REQUESTS = 1_500;

readOptions('npm run bench:units', {});

const list = (length: number, text: string) => Array.from({ length }, () => text);
const repeated = (part: string, length: number) => part.repeat(length / part.length);
const FRESH = 'cache-control: no-store';
const OWN: readonly { readonly name: string; readonly request: (i: number) => Buffer }[] = [
  { name: 'GET /ready', request: () => Buffer.from('GET /ready HTTP/1.1\r\nhost: edge\r\nconnection: close\r\n\r\n') },
  { name: 'nested lists', request: () => post('/fill-mask', Buffer.from('['.repeat(500_000))) },
  { name: 'tokens of Hangul', request: () => post('/tokenize', json({ inputs: list(32, repeated('각', 1_000)) })) },
  { name: 'tokens of punctuation', request: () => post('/tokenize', json({ inputs: list(8, repeated('.,', 2_000)) })) },
  {
    name: 'large answers from the cache',
    request: () =>
      post(
        '/fill-mask',
        json({ inputs: `${'\u0001'.repeat(30_000)} [MASK]`, parameters: { top_k: 20, truncation: true } }),
      ),
  },
  {
    name: 'runs of 500 tokens',
    request: (i) => post('/fill-mask', json({ inputs: `${i} ${'the '.repeat(490)}[MASK]` }), FRESH),
  },
];

const workers = await plainWorkers();
const rows: string[][] = [];
for (const { name, request } of [...OWN, ...SHAPES.filter(({ holds, models, front }) => !holds && !models && !front)]) {
  const worker = await workers.start(0, name.replace(/\W/g, '-'), true);
  await worker.ask({ path: '/fill-mask', text: 'The [MASK] barked.' });
  const sendOne = (i: number) => send(new URL(worker.origin), request(i), false, new AbortController().signal);
  const status = await sendOne(0);
  const [before, unitsBefore] = [await worker.cpu(), await worker.units()];
  let [requests, units] = [0, 0];
  while (units < UNITS && requests < MOST_REQUESTS) {
    for (let i = 0; i < 4; i++) await sendOne(++requests);
    units = (await worker.units()) - unitsBefore;
  }
  const cpu = (await worker.cpu()) - before;
  await worker.close();
  const reckoned = units * UNIT_MS;
  rows.push([
    name,
    String(status),
    (cpu / requests).toFixed(2),
    (reckoned / requests).toFixed(2),
    units === 0 ? '–' : (cpu / reckoned).toFixed(2),
  ]);
  console.error(rows.at(-1)?.join('  '));
}
workers.close();
console.log(`${cpus()[0]?.model.trim()}, Node ${process.versions.node}\n`);
console.log(table([workers.model, 'status', 'CPU, ms', 'charged, ms', 'ratio'], rows));
