/**
 * npm run bench:cpu: measures the CPU time of a request in workerd, warm and as the first of an isolate. That of the main thread, which
 * computes, is read from /proc, so it needs Linux. The bucket is another process, and the caches are not asked. Prints Markdown.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { Miniflare } from 'miniflare';

import { build } from '../../models/build/build.ts';
import { selectedModel } from '../../models/bucket/deployed.ts';
import { readOptions } from '../options.ts';
import { bundle } from '../bundle.ts';
import { shown, spreadOf, table } from './statistics.ts';
import { workerds } from './workerds.ts';

const TOKENS = [8, 16, 32, 64];
const ROUNDS = 60;
const ISOLATES = 9;
/** What an isolate still does after an answer. */
const SETTLE_MS = 20;

/** The worker with a bucket that is reached over HTTP. */
const ENTRY = `
import app from './index.js';
const bucket = (origin) => ({
  async get(key) {
    const { body, headers } = await fetch(origin + key);
    return { body, size: Number(headers.get('content-length')) };
  },
});
export default {
  fetch: (request, env, ctx) => app.fetch(request, { ...env, MODELS: bucket(env.STORE) }, ctx),
};
`;

readOptions('npm run bench:cpu', {});
const { id, revision, folder } = await build(selectedModel().id);
const code = await bundle('--env', '');
const modules = { ...code.modules, 'entry.js': { type: 'esm' as const, contents: new TextEncoder().encode(ENTRY) } };

const store = createServer((request, response) => {
  const name = request.url?.split('/').at(-1) ?? '';
  void readFile(join(folder, name)).then((file) =>
    response.writeHead(200, { 'content-length': file.length }).end(file),
  );
});
store.listen(0, '127.0.0.1');
await once(store, 'listening');
const STORE = `http://127.0.0.1:${(store.address() as AddressInfo).port}/`;

interface Worker {
  /** @returns the CPU milliseconds of the main thread */
  readonly cost: (path: string, text?: string) => Promise<number>;
  readonly tokensOf: (text: string) => Promise<number>;
  readonly close: () => Promise<void>;
}

async function start(): Promise<Worker> {
  const before = new Set(await workerds());
  const texts = { MODEL: `${id}@${revision}`, ALLOWED_ORIGINS: '*', CACHE: 'on', REQUEST_LOG: 'off', STORE };
  const env = Object.fromEntries(Object.entries(texts).map(([key, value]) => [key, { type: 'text' as const, value }]));
  const miniflare = new Miniflare({
    workers: [
      { config: { name: 'app', compatibilityDate: '2026-10-01', manifest: { mainModule: 'entry.js', modules }, env } },
    ],
  });
  const { origin } = await miniflare.ready;
  const pid = (await workerds()).find((one) => !before.has(one));
  if (pid === undefined) throw new Error('workerd is not a child of this process');
  const ask = async (path: string, text?: string) => {
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
    const post = { method: 'POST', headers, body: JSON.stringify({ inputs: text }) };
    const answer = await fetch(origin + path, text === undefined ? {} : post);
    if (!answer.ok) throw new Error(`${path} answers ${answer.status}: ${await answer.text()}`);
    return answer.json();
  };
  return {
    async cost(path, text) {
      const begun = await cpuOf(pid);
      await ask(path, text);
      await pause(SETTLE_MS);
      return (await cpuOf(pid)) - begun;
    },
    tokensOf: async (text) => ((await ask('/tokenize', text)) as { tokens: unknown[] }).tokens.length,
    close: () => miniflare.dispose(),
  };
}

async function cpuOf(pid: string): Promise<number> {
  const [nanoseconds] = (await readFile(`/proc/${pid}/task/${pid}/schedstat`, 'utf8')).split(' ');
  return Number(nanoseconds) / 1e6;
}

/** With the mask and the two special tokens, so many tokens: each "the" is one. */
const textOf = (tokens: number): string => `${'the '.repeat(tokens - 3)}[MASK]`;

console.log(
  `${cpus()[0]?.model.trim()}, Node ${process.versions.node}; CPU milliseconds, median (and the middle half)\n`,
);

const first: number[] = [];
for (let i = 0; i < ISOLATES; i++) {
  const worker = await start();
  first.push(await worker.cost('/fill-mask', textOf(16)));
  await worker.close();
}

const worker = await start();
for (const tokens of TOKENS) {
  const found = await worker.tokensOf(textOf(tokens));
  if (found !== tokens) throw new Error(`the text for ${tokens} tokens has ${found}`);
}
const health: number[] = [];
const warm = TOKENS.map((): number[] => []);
for (let round = -5; round < ROUNDS; round++) {
  const costs = [];
  for (const tokens of TOKENS) costs.push(await worker.cost('/fill-mask', textOf(tokens)));
  const idle = await worker.cost('/health');
  // The first rounds warm up.
  if (round < 0) continue;
  health.push(idle);
  for (const [i, ms] of costs.entries()) warm[i]?.push(ms);
}
await worker.close();
store.close();

console.log(
  table(
    [`${id}@${revision}`, 'CPU, ms'],
    [
      ['GET /health', shown(spreadOf(health))],
      ...TOKENS.map((tokens, i) => [`${tokens} tokens, no cache`, shown(spreadOf(warm[i] ?? []))]),
      ['16 tokens, the first request of an isolate', shown(spreadOf(first))],
    ],
  ),
);
