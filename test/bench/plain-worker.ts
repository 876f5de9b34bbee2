/**
 * The deployed worker in plain miniflare, with its bucket and its edge cache in this process: workerd's CPU time is that of the
 * worker alone. Starts wrangler and workerd; reads /proc, so it needs Linux.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text as textFrom } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';

import { Miniflare } from 'miniflare';

import { build } from '../../models/build/build.ts';
import { selectedModel } from '../../models/bucket/deployed.ts';
import { bundleOf, ROOT } from '../bundle.ts';
import { type Inspector, openInspector } from '../inspector.ts';
import { workerds } from './workerds.ts';

/** What an isolate still does after an answer. */
const SETTLE_MS = 20;

/** The worker with a bucket and an edge cache that are reached over HTTP. */
const ENTRY = `
import app from './index.js';
let entries, bindings;
let units = 0;
const EXPENSIVE_RATE_LIMITER = { limit: async () => (units++, { success: true }) };
const entryOf = (url) => entries + new URL(url).pathname.split('/').at(-1);
const edge = {
  async match(url) {
    const found = await fetch(entryOf(url));
    if (found.status === 200) return found;
    await found.body?.cancel();
  },
  async put(url, response) {
    await (await fetch(entryOf(url), { method: 'PUT', body: await response.text() })).body?.cancel();
  },
};
Object.defineProperty(globalThis, 'caches', { value: { default: edge } });
const bucket = (origin) => ({
  async get(key) {
    const { body, headers } = await fetch(origin + key);
    return { body, size: Number(headers.get('content-length')), etag: 'never changes' };
  },
});
export default {
  fetch(request, env, ctx) {
    // The platform gives all requests of an isolate the same object.
    bindings ??= { ...env, MODELS: bucket(env.STORE), ...(env.UNITS && { EXPENSIVE_RATE_LIMITER }) };
    if (new URL(request.url).pathname === '/units') return new Response(String(units));
    entries = env.STORE + env.EDGE + '/';
    return app.fetch(request, bindings, ctx);
  },
};
`;

export interface Request {
  readonly path: string;
  /** For a POST. */
  readonly text?: string | readonly string[];
  /** Whether the caches may answer, and store the answer. */
  readonly cached?: boolean;
  /** What `Cache-Status` must say. */
  readonly status?: RegExp;
}

export interface Cost {
  /** Of the main thread, in ms. */
  readonly cpu: number;
  /** As the client sees it, in ms. */
  readonly wall: number;
}

export interface PlainWorker {
  readonly ask: (request: Request) => Promise<unknown>;
  readonly cost: (request: Request) => Promise<Cost>;
  readonly origin: string;
  /** Of the main thread, in ms since it began. */
  readonly cpu: () => Promise<number>;
  /** Units of the budget that were asked for. */
  readonly units: () => Promise<number>;
  readonly inspect: () => Promise<Inspector>;
  readonly close: () => Promise<void>;
}

export interface PlainWorkers {
  readonly model: string;
  /** The script as it is served. */
  readonly script: string;
  /**
   * @param read_ms how long the bucket takes before an object's first byte
   * @param edge names the edge cache; workers with the same name share it
   * @param counts whether requests are charged, without an end
   */
  readonly start: (read_ms?: number, edge?: string, counts?: boolean) => Promise<PlainWorker>;
  readonly close: () => void;
}

/**
 * @param readable whether the script keeps its names
 * @param root the checkout of the worker; its model is always that of this checkout
 */
export async function plainWorkers(readable = false, root = ROOT): Promise<PlainWorkers> {
  const { id, revision, folder } = await build(selectedModel().id);
  const code = await bundleOf(root, '--env', '', ...(readable ? ['--minify=false'] : []));
  const script = code.modules[code.mainModule]?.contents ?? new Uint8Array();
  const modules = {
    ...code.modules,
    'index.js': { type: 'esm' as const, contents: script },
    'entry.js': { type: 'esm' as const, contents: new TextEncoder().encode(ENTRY) },
  };
  let delay = 0;
  const entries = new Map<string, string>();
  const store = createServer((request, response) => {
    const path = request.url ?? '';
    if (path.startsWith('/edge')) return void answerEntry(path, entries, request, response);
    const name = path.split('/').at(-1) ?? '';
    void Promise.all([readFile(join(folder, name)), pause(delay)]).then(([file]) =>
      response.writeHead(200, { 'content-length': file.length }).end(file),
    );
  });
  store.listen(0, '127.0.0.1');
  await once(store, 'listening');
  const STORE = `http://127.0.0.1:${(store.address() as AddressInfo).port}/`;
  const texts = {
    MODEL: `${id}@${revision}`,
    ALLOWED_ORIGINS: '*',
    CACHE: 'on',
    CACHE_STATUS: 'all',
    REQUEST_LOG: 'off',
    STORE,
  };
  let started = 0;

  async function start(read_ms = 0, edge = `own-${started++}`, counts = false): Promise<PlainWorker> {
    const vars = { ...texts, EDGE: `edge-${edge}`, ...(counts && { UNITS: 'counted', RATE_LIMITS: 'on' }) };
    const env = Object.fromEntries(Object.entries(vars).map(([key, value]) => [key, { type: 'text' as const, value }]));
    delay = read_ms;
    const before = new Set(await workerds());
    const miniflare = new Miniflare({
      inspectorPort: 0,
      workers: [
        {
          config: {
            name: 'app',
            compatibilityDate: '2026-10-01',
            compatibilityFlags: ['enable_request_signal'],
            manifest: { mainModule: 'entry.js', modules },
            env,
          },
        },
      ],
    });
    const { origin } = await miniflare.ready;
    const [pid, another] = (await workerds()).filter((one) => !before.has(one));
    if (pid === undefined) throw new Error('workerd is not a child of this process');
    if (another !== undefined) throw new Error('two workers start at once: start one after the other');
    async function ask({ path, text, cached = false, status = /^/ }: Request): Promise<unknown> {
      const headers = { 'content-type': 'application/json', ...(!cached && { 'cache-control': 'no-store' }) };
      const post = { method: 'POST', headers, body: JSON.stringify({ inputs: text }) };
      const answer = await fetch(origin + path, text === undefined ? {} : post);
      if (!answer.ok) throw new Error(`${path} answers ${answer.status}: ${await answer.text()}`);
      const seen = answer.headers.get('cache-status') ?? '';
      if (!status.test(seen)) throw new Error(`${path} answers with Cache-Status: ${seen}`);
      return answer.json();
    }
    return {
      ask,
      async cost(request) {
        const [begun, at] = [await cpuOf(pid), performance.now()];
        await ask(request);
        const wall = performance.now() - at;
        await pause(SETTLE_MS);
        return { cpu: (await cpuOf(pid)) - begun, wall };
      },
      origin,
      cpu: () => cpuOf(pid),
      units: async () => Number(await (await fetch(`${origin}/units`)).text()),
      inspect: () => openInspector(miniflare),
      close: () => miniflare.dispose(),
    };
  }
  return {
    model: `${id}@${revision}`,
    script: new TextDecoder().decode(script as Uint8Array),
    start,
    close: () => store.close(),
  };
}

/** GET and PUT of the edge cache's entries. */
async function answerEntry(
  path: string,
  entries: Map<string, string>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method === 'PUT') entries.set(path, await textFrom(request));
  const entry = request.method === 'GET' ? entries.get(path) : '';
  response.writeHead(entry === undefined ? 404 : 200).end(entry);
}

async function cpuOf(pid: string): Promise<number> {
  const [nanoseconds] = (await readFile(`/proc/${pid}/task/${pid}/schedstat`, 'utf8')).split(' ');
  return Number(nanoseconds) / 1e6;
}

/** With the mask and the two special tokens, so many tokens: each "the" is one. */
export const textOf = (tokens: number): string => `${'the '.repeat(tokens - 3)}[MASK]`;
