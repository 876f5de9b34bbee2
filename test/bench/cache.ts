/**
 * npm run bench:cache: measures the cost of a cached answer, the hit rate, and the memory of the caches. Uses plain miniflare,
 * whose proxy costs least. Ratios compare neighbouring requests, with the median and the middle half. Prints Markdown.
 */
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { cpus } from 'node:os';
import { join } from 'node:path';

import { Miniflare } from 'miniflare';

import { build } from '../../models/build/build.ts';
import { selectedModel } from '../../models/bucket/deployed.ts';
import { seeded } from '../../models/evaluation/random.ts';
import { objectKey } from '../../src/model/manifest.ts';
import { readOptions, refuse } from '../options.ts';
import { bundle, type WorkerManifest } from '../bundle.ts';
import { ratioOf, shown, spreadOf, table } from './statistics.ts';
import { workerds } from './workerds.ts';

const QUESTION = JSON.stringify({ inputs: 'I love [MASK] because you are [MASK].' });
const AFRESH = { 'cache-control': 'no-store' };
const CONNECTIONS = [1, 16, 64];
const TEXTS = 2_000;
const REPLAYED = 20_000;
/** Without a cache each question runs the model, so a sample suffices. */
const REPLAYED_WITHOUT = 1_000;
const ISOLATES = 4;
const REMEMBERED = [5_000, 10_000, 20_000];

const SECTIONS = { costs, replay, held };
const USAGE = `npm run bench:cache -- [--only ${Object.keys(SECTIONS).join(' | --only ')}] [--rounds 400]`;
const { values } = readOptions(USAGE, {
  only: { type: 'string', multiple: true, default: Object.keys(SECTIONS) },
  rounds: { type: 'string', default: '400' },
});
const rounds = Number(values.rounds);
if (!(rounds >= 10) || !values.only.every((name) => name in SECTIONS)) {
  refuse('--rounds is a number from 10, and --only names a section', USAGE);
}

const { id, revision, folder, manifest } = await build(selectedModel().id);
const vars = { MODEL: `${id}@${revision}`, ALLOWED_ORIGINS: '*', CACHE: 'on', CACHE_STATUS: 'all' };
const deployed = await bundle('--env', '');
/** At one address, whichever its host here is: the edge cache keeps the answers of each address apart. */
const ENTRY = `
import app from './index.js';
const at = (url) => { const same = new URL(url); same.host = 'edge.test'; return same; };
export default { fetch: (request, env, ctx) => app.fetch(new Request(at(request.url), request), env, ctx) };
`;
const app: WorkerManifest = {
  mainModule: 'entry.js',
  modules: { ...deployed.modules, 'entry.js': { type: 'esm', contents: new TextEncoder().encode(ENTRY) } },
};
console.log(`${cpus()[0]?.model.trim()}, Node ${process.versions.node}\n`);
for (const [name, section] of Object.entries(SECTIONS)) if (values.only.includes(name)) await section();

/** Workers by name, each at the host of that name; all share the bucket and the cache. */
async function start(workers: Record<string, { code: WorkerManifest; texts?: Record<string, string> }>) {
  const miniflare = new Miniflare({
    workers: Object.entries(workers).map(([name, { code, texts = {} }]) => ({
      config: {
        name,
        compatibilityDate: '2026-10-01',
        manifest: code,
        triggers: [{ type: 'fetch' as const, pattern: `${name}.test/*` }],
        env: {
          MODELS: { type: 'r2' as const, name: 'models' },
          ...Object.fromEntries(Object.entries(texts).map(([key, value]) => [key, { type: 'text' as const, value }])),
        },
      },
    })),
  });
  const url = await miniflare.ready;
  const [first = ''] = Object.keys(workers);
  const bucket = await miniflare.getR2Bucket('MODELS', first);
  for (const name of [...manifest.files.map((file) => file.name), 'manifest.json'] as const) {
    await bucket.put(objectKey(id, revision, name), await readFile(join(folder, name)));
  }
  return { url, close: () => miniflare.dispose() };
}

interface Answer {
  readonly ms: number;
  readonly body: string;
  readonly cacheStatus: string;
  readonly timing: string;
}

/** @param host the name of a worker */
function ask(url: URL, agent: Agent, host: string, body: string, more: Record<string, string> = {}): Promise<Answer> {
  const begun = performance.now();
  const headers = { host: `${host}.test`, 'content-type': 'application/json', ...more };
  return new Promise((resolve, reject) => {
    const sent = request(new URL('/fill-mask', url), { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (data: string) => (text += data));
      response.on('end', () => {
        if (response.statusCode !== 200) return reject(new Error(`${host} answered ${response.statusCode}: ${text}`));
        const { 'cache-status': cacheStatus = '', 'server-timing': timing = '' } = response.headers;
        resolve({
          ms: performance.now() - begun,
          body: text,
          cacheStatus: String(cacheStatus),
          timing: String(timing),
        });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function distinct(i: number): string {
  return JSON.stringify({ inputs: `Question ${i} is about a [MASK].` });
}

async function costs(): Promise<void> {
  const probe = await start({ app: { code: app, texts: vars } });
  const agent = new Agent({ keepAlive: true });
  const { body: ANSWER } = await ask(probe.url, agent, 'app', QUESTION);
  await probe.close();

  const bare = await bundle('test/bench/workers/bare.ts', '--config', 'test/bench/wrangler.toml');
  const server = await start({
    app: { code: app, texts: vars },
    // This worker has not had the requests of the other: its isolate cache is empty, their edge cache is not.
    cold: { code: app, texts: vars },
    bare: { code: bare, texts: { ANSWER } },
  });
  const { url } = server;
  let next = 0;
  /** Sent to the one worker, then to the other. */
  const prepare = async (count: number) => {
    for (let i = next; i < next + count; i++) await ask(url, agent, 'app', distinct(i));
  };
  const contestants = {
    'a bare Hono route': () => ask(url, agent, 'bare', QUESTION),
    'a hit in the isolate': () => ask(url, agent, 'app', QUESTION),
    'a hit at the edge': () => ask(url, agent, 'cold', distinct(next++)),
    'a miss': () => ask(url, agent, 'app', QUESTION, AFRESH),
  };
  const expected: Record<string, RegExp> = {
    'a bare Hono route': /^$/,
    'a hit in the isolate': /^isolate; hit/,
    'a hit at the edge': /edge; hit/,
    'a miss': /fwd=request/,
  };
  await prepare(rounds + 20);
  const times = Object.fromEntries(Object.keys(contestants).map((name) => [name, [] as number[]]));
  for (let round = -20; round < rounds; round++) {
    for (const [name, one] of Object.entries(contestants)) {
      const { ms, cacheStatus } = await one();
      if (!expected[name]?.test(cacheStatus) && round >= 0) throw new Error(`${name} was "${cacheStatus}"`);
      if (round >= 0) times[name]?.push(ms);
    }
  }
  const [base = []] = Object.values(times);
  const rows = Object.entries(times).map(([name, of]) => [name, shown(spreadOf(of)), shown(ratioOf(of, base))]);
  console.log(`### One request over loopback, one connection\n\n${table(['', 'ms', 'ratio'], rows)}\n`);

  const perSecond: string[][] = [];
  for (const connections of CONNECTIONS) {
    agent.destroy();
    const many = new Agent({ keepAlive: true, maxSockets: connections });
    const load = async (count: number, one: () => Promise<unknown>) => {
      const begun = performance.now();
      let left = count;
      await Promise.all(
        Array.from({ length: connections }, async () => {
          while (left-- > 0) await one();
        }),
      );
      return Math.round((1000 * count) / (performance.now() - begun));
    };
    await prepare(1_000);
    const cells = [
      await load(3_000, () => ask(url, many, 'bare', QUESTION)),
      await load(3_000, () => ask(url, many, 'app', QUESTION)),
      await load(1_000, () => ask(url, many, 'cold', distinct(next++))),
      await load(300, () => ask(url, many, 'app', QUESTION, AFRESH)),
    ];
    perSecond.push([String(connections), ...cells.map(String)]);
    many.destroy();
  }
  const heads = ['connections', ...Object.keys(contestants)];
  console.log(`### Requests per second\n\n${table(heads, perSecond)}\n`);
  await server.close();
}

/** Questions distributed by Zipf's law: the k-th most frequent 1 / k as often as the first. */
function zipf(count: number): number[] {
  const random = seeded(1);
  const sums: number[] = [];
  for (let k = 1; k <= TEXTS; k++) sums.push((sums.at(-1) ?? 0) + 1 / k);
  const all = sums.at(-1) ?? 0;
  return Array.from({ length: count }, () => {
    const drawn = (random(2 ** 32) / 2 ** 32) * all;
    return sums.findIndex((sum) => sum >= drawn);
  });
}

async function replay(): Promise<void> {
  const names = Array.from({ length: ISOLATES }, (_, i) => `isolate${i}`);
  const rows: string[][] = [];
  for (const [CACHE, count] of [
    ['on', REPLAYED],
    ['off', REPLAYED_WITHOUT],
  ] as const) {
    const workers = Object.fromEntries(names.map((name) => [name, { code: app, texts: { ...vars, CACHE } }]));
    const { url, close } = await start(workers);
    const agent = new Agent({ keepAlive: true });
    const random = seeded(2);
    const found = { isolate: 0, edge: 0, runs: 0 };
    const begun = performance.now();
    for (const text of zipf(count)) {
      const { cacheStatus, timing } = await ask(url, agent, names[random(ISOLATES)] ?? '', distinct(text));
      if (cacheStatus.startsWith('isolate; hit')) found.isolate++;
      else if (cacheStatus.includes('edge; hit')) found.edge++;
      if (!timing.includes('tokens=0')) found.runs++;
    }
    const ms = (performance.now() - begun) / count;
    const share = (part: number) => `${((100 * part) / count).toFixed(1)} %`;
    rows.push([CACHE, String(count), share(found.isolate), share(found.edge), share(found.runs), ms.toFixed(2)]);
    agent.destroy();
    await close();
  }
  const heads = ['CACHE', 'questions', 'from the isolate', 'from the edge', 'runs of the model', 'ms for each'];
  console.log(
    `### ${REPLAYED.toLocaleString('en')} questions from ${TEXTS.toLocaleString('en')} texts by Zipf's law, ${ISOLATES} isolates at random\n\n${table(heads, rows)}\n`,
  );
}

async function held(): Promise<void> {
  const code = await bundle('test/bench/workers/memory.ts', '--config', 'test/bench/wrangler.toml');
  const before = await workerds();
  const { url, close } = await start({ memory: { code } });
  const pid = (await workerds()).find((one) => !before.includes(one));
  const agent = new Agent({ keepAlive: true });
  const rows: string[][] = [];
  let from = 0;
  for (const to of [1, ...REMEMBERED]) {
    let body = '';
    // Not all in one request: its memory would not be released before its end.
    for (; from < to; from = Math.min(to, from + 1_000)) {
      ({ body } = await tell(url, agent, from, Math.min(to, from + 1_000)));
    }
    const { encodings, predictions } = JSON.parse(body) as Record<string, { entries: number; bytes: number }>;
    rows.push([to.toLocaleString('en'), cell(encodings), cell(predictions), await residentMemory(pid)]);
  }
  console.log(
    `### Held by an isolate\n\n${table(['distinct questions', 'encodings', 'answers', 'RSS of workerd'], rows)}\n`,
  );
  agent.destroy();
  await close();
}

function cell(one?: { entries: number; bytes: number }): string {
  return `${one?.entries.toLocaleString('en')}; ${((one?.bytes ?? 0) / 1e6).toFixed(1)} MB`;
}

function tell(url: URL, agent: Agent, from: number, to: number): Promise<{ body: string }> {
  return new Promise((resolve, reject) => {
    const target = new URL(`/?from=${from}&to=${to}`, url);
    request(target, { agent, headers: { host: 'memory.test' } }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (data: string) => (body += data));
      response.on('end', () => resolve({ body }));
    })
      .on('error', reject)
      .end();
  });
}

async function residentMemory(pid: string | undefined): Promise<string> {
  const status = pid === undefined ? '' : await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(status)?.[1];
  return kilobytes ? `${Math.round(Number(kilobytes) / 1000)} MB` : 'not measured';
}
