/**
 * The bundled worker in plain miniflare: one isolate, without the dev server, which restarts a hanging worker. The store is the real R2
 * with a wrapper that adds failures.
 */
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { join } from 'node:path';

import { Miniflare } from 'miniflare';

import { type Manifest, objectKey, sealManifest } from '../../src/model/manifest.ts';
import { bundle, type WorkerManifest } from '../bundle.ts';
import { buildSelected } from '../deployed.ts';
import { openInspector } from '../inspector.ts';
import { withOneMoreToken } from '../one-more-token.ts';

/** The fault of every read while it is set. */
export type Fault = 'none' | 'missing' | 'throw' | 'stall' | 'stall-body' | 'cut' | 'alter';
export const FAULTS: readonly Fault[] = ['missing', 'throw', 'stall', 'stall-body', 'cut', 'alter'];

/**
 * Further ids with the same files, so that a deployment can change its model under load. More than fit an isolate: each change
 * reads a model again.
 */
const OTHERS = Array.from({ length: 8 }, (_, i) => `other-${i}`);

/** Wraps the worker: `PUT /control?fault=…&model=…` sets the fault and the model. */
const entryFor = (id: string, main: string): string => `
import app from './${main}';
let fault = 'none', model, seen = 0;
const never = () => new Promise(() => {});
function streamOf({ body, size, etag }, change) {
  const { readable, writable } = new IdentityTransformStream();
  (async () => {
    const bytes = new Uint8Array(await new Response(body).arrayBuffer());
    const writer = writable.getWriter();
    await change(bytes, writer);
  })().catch(() => {});
  return { size, etag, body: readable };
}
const store = (bucket) => ({
  async get(asked, rest) {
    const key = asked.endsWith('manifest.json') ? asked : asked.replace(/\\bother-\\d+\\b/, '${id}');
    if (fault === 'throw') throw new Error('We encountered an internal error. Please try again. (10001)');
    if (fault === 'stall') return never();
    const object = await bucket.get(key, rest);
    if (fault === 'missing') { await object?.body?.cancel(); return null; }
    if (!object?.body || fault === 'none') return object;
    if (fault === 'cut') return streamOf(object, async (b, w) => { await w.write(b.subarray(0, b.length >> 1)); await w.close(); });
    if (fault === 'stall-body') return streamOf(object, async (b, w) => { await w.write(b.subarray(0, b.length >> 1)); await never(); });
    return streamOf(object, async (b, w) => { b[b.length >> 1] ^= 1; await w.write(b); await w.close(); });
  },
});
export default {
  fetch(request, env, ctx) {
    const url = new URL(request.url);
    if (url.pathname === '/control') {
      fault = url.searchParams.get('fault') ?? fault;
      model = url.searchParams.get('model') ?? model;
      return new Response('ok');
    }
    const MODEL = model ?? env.MODEL;
    // A model is named once: what becomes MODEL is no further model.
    const MORE_MODELS = env.MORE_MODELS.split(',').filter((name) => name !== MODEL).join();
    const address = request.headers.get('x-address');
    const headers = { ...Object.fromEntries(request.headers), 'cf-connecting-ip': address };
    const asked = address === null ? request : new Request(request, { headers });
    return app.fetch(asked, { ...env, MODEL, MORE_MODELS, MODELS: store(env.MODELS) }, ctx);
  },
};
`;

/**
 * A worker in front, which reads nothing of answers: a socket of this machine would take a whole one into its buffers. `/stall?n=6`
 * keeps so many until `/leave`; anything else is passed on.
 */
const STALLING_SCRIPT = `
let left = 0;
export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    if (url.pathname === '/leave') return new Response(String(left++));
    if (url.pathname !== '/stall') return env.APP.fetch(request);
    const body = await request.text();
    const answers = [];
    for (let i = 0; i < Number(url.searchParams.get('n')); i++) {
      answers.push(await env.APP.fetch('http://app/fill-mask', { method: 'POST', body, headers: request.headers }));
    }
    if (!answers.some(({ status }) => status === 200)) return new Response(null, { status: answers[0].status });
    const { readable, writable } = new TransformStream();
    const writer = writable.getWriter();
    const before = left;
    (async () => {
      while (left === before) {
        await scheduler.wait(100);
        // It keeps the request alive.
        await writer.write(new Uint8Array(1));
      }
      for (const { body } of answers) await body.cancel();
      await writer.close();
    })();
    return new Response(readable, { headers: { statuses: JSON.stringify(answers.map(({ status }) => status)) } });
  },
};
`;

export interface Bundle {
  readonly model: string;
  /** Its runs fail for a text with MORE. */
  readonly broken: string;
  /** The model may change to any of them. */
  readonly others: readonly string[];
  /** Of these, what is served beside the model. */
  readonly served: readonly string[];
  readonly modules: WorkerManifest['modules'];
  readonly objects: ReadonlyMap<string, Uint8Array>;
}

/** @param env of wrangler.toml */
export async function bundleWithFaults(env = ''): Promise<Bundle> {
  const { folder, id, revision, files } = await buildSelected();
  const { modules, mainModule } = await bundle('--env', env);
  modules['entry.js'] = { type: 'esm', contents: new TextEncoder().encode(entryFor(id, mainModule)) };
  const objects = new Map<string, Uint8Array>();
  for (const name of files) {
    const contents = new Uint8Array(await readFile(join(folder, name)));
    objects.set(objectKey(id, revision, name), contents);
    if (name !== 'manifest.json') continue;
    const { checksum: _, ...manifest } = JSON.parse(new TextDecoder().decode(contents)) as Manifest;
    for (const other of OTHERS) {
      const sealed = await sealManifest({ ...manifest, id: other });
      objects.set(objectKey(other, revision, name), new TextEncoder().encode(JSON.stringify(sealed)));
    }
  }
  const others = OTHERS.map((other) => `${other}@${revision}`);
  const broken = await withOneMoreToken(env === 'onnxruntime' ? 'model.onnx' : 'model.efm', async (name) => {
    const found = objects.get(objectKey(id, revision, name));
    if (!found) throw new Error(`the build has no ${name}`);
    return found;
  });
  for (const [key, contents] of broken.objects) objects.set(key, contents);
  return { model: `${id}@${revision}`, broken: broken.name, others, served: others.slice(0, 1), modules, objects };
}

/** Of the worker's isolate, in bytes. */
interface Memory {
  /** V8's heap and array buffers, without WASM. */
  readonly script: number;
  /** All WASM memories. */
  readonly wasm: number;
}

export interface Isolate {
  readonly url: string;
  put(which?: (key: string) => boolean): Promise<void>;
  control(settings: { fault?: Fault; model?: string }): Promise<void>;
  /** After a garbage collection. */
  memory(): Promise<Memory>;
  close(): Promise<void>;
}

const text = (value: string) => ({ type: 'text' as const, value });

/** The rate limits of wrangler.toml. */
const LIMITS = {
  RATE_LIMITER: { type: 'rate-limit', namespace: '1', simple: { limit: 600, period: 60 } },
  EXPENSIVE_RATE_LIMITER: { type: 'rate-limit', namespace: '2', simple: { limit: 60, period: 60 } },
};

export const COMPATIBILITY = { compatibilityDate: '2026-10-01', compatibilityFlags: ['enable_request_signal'] };

export const STALLING_FRONT = {
  ...COMPATIBILITY,
  name: 'front',
  manifest: {
    mainModule: 'front.js',
    modules: { 'front.js': { type: 'esm', contents: new TextEncoder().encode(STALLING_SCRIPT) } },
  },
  env: { APP: { type: 'worker', worker: 'app' } },
};

interface Serving {
  readonly cache?: 'on' | 'off';
  /** Whether callers, told apart by the header x-address, have limits. */
  readonly limits?: boolean;
  /** Whether STALLING_FRONT is in front. */
  readonly front?: boolean;
}

export async function serve(
  { model, served, modules, objects }: Bundle,
  { cache = 'on', limits = false, front = false }: Serving = {},
): Promise<Isolate> {
  const mf = new Miniflare({
    host: '127.0.0.1',
    port: 0,
    inspectorPort: 0,
    workers: [
      ...(front ? [{ config: STALLING_FRONT }] : []),
      {
        config: {
          ...COMPATIBILITY,
          name: 'app',
          manifest: { mainModule: 'entry.js', modules },
          env: {
            MODELS: { type: 'r2', name: 'models' },
            MODEL: text(model),
            MORE_MODELS: text(served.join()),
            ALLOWED_ORIGINS: text('*'),
            CACHE_STATUS: text('all'),
            CACHE: text(cache),
            ...(limits && LIMITS),
          },
        },
      },
    ],
  } as unknown as ConstructorParameters<typeof Miniflare>[0]);
  const url = (await mf.ready).origin;
  const bucket = await mf.getR2Bucket('MODELS', 'app');
  return {
    url,
    async put(which = () => true) {
      for (const [key, contents] of objects) if (which(key)) await bucket.put(key, contents);
    },
    async control(settings) {
      await ask(url, `/control?${new URLSearchParams(settings).toString()}`, { method: 'PUT' });
    },
    memory: () => memoryOf(mf),
    close: () => mf.dispose(),
  };
}

/** Of the worker `app`. @param mf with an `inspectorPort` */
export async function memoryOf(mf: Miniflare): Promise<Memory> {
  const { call, events, close } = await openInspector(mf);
  try {
    await call('Runtime.enable');
    const created = events.get('Runtime.executionContextCreated') as { context: { id: number } } | undefined;
    const { result: prototype } = await call<{ result: { objectId: string } }>('Runtime.evaluate', {
      expression: 'WebAssembly.Memory.prototype',
      contextId: created?.context.id,
    });
    // Collects garbage first.
    const { objects } = await call<{ objects: { objectId: string } }>('Runtime.queryObjects', {
      prototypeObjectId: prototype.objectId,
    });
    const { usedSize, backingStorageSize = 0 } = await call<{ usedSize: number; backingStorageSize?: number }>(
      'Runtime.getHeapUsage',
    );
    const { result } = await call<{ result: { value: number } }>('Runtime.callFunctionOn', {
      objectId: objects.objectId,
      functionDeclaration: 'function () { return this.reduce((sum, { buffer }) => sum + buffer.byteLength, 0); }',
      returnByValue: true,
    });
    return { script: usedSize + backingStorageSize, wasm: result.value };
  } finally {
    close();
  }
}

export interface Reply {
  /** 0 without a response; `error` then tells why. */
  readonly status: number;
  readonly body: string;
  readonly retryAfter: string | undefined;
  readonly ms: number;
  readonly error?: 'timeout' | 'left' | 'broken';
}

export interface AskOptions {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly agent?: Agent;
  readonly timeout_ms?: number;
  /** The client leaves after this time. */
  readonly leave_ms?: number;
}

export function ask(
  url: string,
  path: string,
  { method = 'POST', body, headers = {}, agent, timeout_ms = 60_000, leave_ms }: AskOptions = {},
): Promise<Reply> {
  const start = performance.now();
  return new Promise((resolve) => {
    const end = (reply: Partial<Reply>) => {
      clearTimeout(timer);
      resolve({ status: 0, body: '', retryAfter: undefined, ms: performance.now() - start, ...reply });
    };
    const sent = request(
      url + path,
      {
        method,
        ...(agent && { agent }),
        headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', () => end({ error: 'broken' }));
        response.on('end', () =>
          end({
            status: response.statusCode ?? 0,
            body: Buffer.concat(chunks).toString(),
            retryAfter: response.headers['retry-after'],
          }),
        );
      },
    );
    const timer = setTimeout(() => {
      end({ error: leave_ms === undefined ? 'timeout' : 'left' });
      sent.destroy();
    }, leave_ms ?? timeout_ms);
    sent.on('error', () => end({ error: 'broken' }));
    sent.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  });
}
