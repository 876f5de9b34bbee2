/**
 * A server that answers as the API of a Cloudflare account does: the routes that wrangler and the commands call, with buckets,
 * workers, versions and deployments that change, and what can go wrong with them. For tests.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

import { createDataset, type Dataset } from './dataset.ts';

export const ACCOUNT = 'a'.repeat(32);
export const DATASET = 'edge_fill_mask';
export const TOKEN = 'test-token';
const SUBDOMAIN = 'somebody';

interface Binding {
  readonly name: string;
  readonly type: string;
  readonly text?: string;
}

export interface Version {
  readonly id: string;
  /** What wrangler says of the worker. */
  readonly metadata: {
    readonly main_module?: string;
    readonly compatibility_date?: string;
    readonly compatibility_flags?: string[];
    readonly bindings: Binding[];
    readonly limits?: { readonly cpu_ms?: number };
    /** Types of bindings that the version before hands on. */
    readonly keep_bindings?: readonly string[];
  };
  readonly modules: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Deployment {
  readonly id: string;
  readonly versions: readonly { readonly version_id: string; readonly percentage: number }[];
}

interface HostedWorker {
  readonly versions: Version[];
  /** The live one first. */
  readonly deployments: Deployment[];
  enabled: boolean;
  previews_enabled: boolean;
}

/** What to do instead of answering: to requests whose line (`PUT /r2/buckets/…`) it matches. */
interface Fault {
  readonly on: RegExp;
  /** Without one it answers well, only later. */
  readonly status?: number;
  readonly code?: number;
  /** Answers well before, so often. */
  after?: number;
  /** How often; without a number, always. */
  times?: number;
  readonly delayMs?: number;
}

export interface AccountServer extends AsyncDisposable {
  readonly url: string;
  readonly buckets: Map<string, Map<string, Uint8Array>>;
  readonly workers: Map<string, HostedWorker>;
  readonly faults: Fault[];
  /** The Free plan refuses limits. */
  readonly plan: { isFree: boolean };
  /** Of Analytics Engine. */
  readonly points: Dataset;
  /** Method and path below the account, in order. */
  readonly seen: string[];
  /** What the server did not know. */
  readonly unknown: string[];
  /** The version that a request to a host of workers.dev reaches, if anybody can reach it. */
  versionAt(host: string): Version | undefined;
}

interface Answer {
  readonly status?: number;
  readonly result?: unknown;
  readonly raw?: Uint8Array;
  readonly headers?: Record<string, string>;
  readonly error?: { code: number; message: string };
}
const refuse = (status: number, code: number, message: string): Answer => ({ status, error: { code, message } });

export async function startAccount(): Promise<AccountServer> {
  const buckets: AccountServer['buckets'] = new Map();
  const workers: AccountServer['workers'] = new Map();
  const faults: Fault[] = [];
  const plan = { isFree: false };
  const seen: string[] = [];
  const unknown: string[] = [];
  const points = createDataset(DATASET);

  const server = createServer((request, response) => {
    void (async () => {
      const body = await readAll(request);
      const path = decodeURIComponent((request.url ?? '').replace(/\?.*/, '').replace(`/accounts/${ACCOUNT}`, ''));
      const line = `${request.method} ${path}`;
      seen.push(line);
      const answer = (await failure(line)) ?? (await route(request, path, body, line));
      const { status = 200, raw, headers = {}, result, error } = answer;
      if (raw) return response.writeHead(status, headers).end(raw);
      const errors = error ? [error] : [];
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ success: !error, errors, messages: [], result: result ?? null }));
    })();
  });

  async function failure(line: string): Promise<Answer | undefined> {
    const fault = faults.find(({ on, times = Infinity }) => times > 0 && on.test(line));
    if (!fault || (fault.after ?? 0) > 0) {
      if (fault?.after) fault.after--;
      return undefined;
    }
    if (fault.times !== undefined) fault.times--;
    await pause(fault.delayMs ?? 0);
    return fault.status === undefined ? undefined : refuse(fault.status, fault.code ?? 0, 'as the test wants it');
  }

  async function route(request: IncomingMessage, path: string, body: Buffer, line: string): Promise<Answer> {
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return refuse(401, 10_000, 'Authentication error');
    if (path === '/accounts') return { result: [{ id: ACCOUNT, name: 'Somebody' }] };
    if (path === '/workers/subdomain') return { result: { subdomain: SUBDOMAIN } };
    const [, bucketName, key] = /^\/r2\/buckets(?:\/([^/]+)(?:\/objects\/(.+))?)?$/.exec(path) ?? [];
    if (path.startsWith('/r2/')) return answerR2(request.method ?? '', bucketName, key, body);
    if (path === '/analytics_engine/sql') return answerSql(body.toString());
    const [, patched] = /^\/workers\/workers\/([^/]+)\/versions\/latest$/.exec(path) ?? [];
    if (patched && request.method === 'PATCH') return patchLatest(patched, body);
    const [, service] = /^\/workers\/(?:services|workers)\/([^/]+)$/.exec(path) ?? [];
    if (service) {
      if (!workers.has(service)) return refuse(404, 10_007, 'This Worker does not exist on your account.');
      const script = { id: service, tag: 'tag', tags: [], last_deployed_from: 'wrangler' };
      const subdomain = subdomainOf(service);
      return {
        result: { id: service, name: service, subdomain, default_environment: { environment: 'production', script } },
      };
    }
    const [, name = '', rest = ''] = /^\/workers\/scripts\/([^/]+)\/?(.*)$/.exec(path) ?? [];
    if (name) return answerScript(request, line, name, rest, body);
    unknown.push(line);
    return refuse(404, 7003, `no route ${line}`);
  }

  const subdomainOf = (name: string) => ({
    enabled: workers.get(name)?.enabled ?? false,
    previews_enabled: workers.get(name)?.previews_enabled ?? false,
    url: `https://${name}.${SUBDOMAIN}.workers.dev`,
    preview_url_suffix: `-${name}.${SUBDOMAIN}.workers.dev`,
  });

  function answerR2(method: string, name: string | undefined, key: string | undefined, body: Buffer): Answer {
    if (!name) {
      if (method === 'GET') return { result: { buckets: [...buckets.keys()].map((one) => ({ name: one })) } };
      const { name: wanted } = JSON.parse(body.toString()) as { name: string };
      buckets.set(wanted, new Map());
      return { result: { name: wanted } };
    }
    const bucket = buckets.get(name);
    if (!bucket) return refuse(404, 10_006, 'The specified bucket does not exist.');
    if (key === undefined) return { result: { name } };
    if (method === 'PUT') {
      bucket.set(key, body);
      return { result: { key } };
    }
    const object = bucket.get(key);
    if (!object) return refuse(404, 10_007, 'The specified key does not exist.');
    return { raw: object, headers: { etag: `"${createHash('md5').update(object).digest('hex')}"` } };
  }

  /** A copy of the newest version with other bindings. */
  function patchLatest(name: string, body: Buffer): Answer {
    const versions = workers.get(name)?.versions;
    const latest = versions?.at(-1);
    if (!latest) return refuse(404, 10_007, 'This Worker does not exist on your account.');
    const { env, annotations } = JSON.parse(body.toString()) as Pick<Version, 'annotations'> & {
      env: Record<string, Omit<Binding, 'name'>>;
    };
    const changed = Object.entries(env).map(([key, { type, text = '' }]) => ({ name: key, type, text }));
    const others = latest.metadata.bindings.filter((binding) => !Object.hasOwn(env, binding.name));
    const metadata = { ...latest.metadata, bindings: [...others, ...changed] };
    const version: Version = { ...latest, id: randomUUID(), metadata, ...(annotations && { annotations }) };
    versions?.push(version);
    return { result: { id: version.id } };
  }

  function answerSql(sql: string): Answer {
    try {
      const data = points.query(sql);
      return { raw: new TextEncoder().encode(JSON.stringify({ meta: [], data, rows: data.length })) };
    } catch (error) {
      return { status: 422, raw: new TextEncoder().encode((error as Error).message) };
    }
  }

  async function answerScript(
    { method, headers }: IncomingMessage,
    line: string,
    name: string,
    rest: string,
    body: Buffer,
  ): Promise<Answer> {
    // All files are there: nothing has to be uploaded.
    if (rest === 'assets-upload-session') return { status: 201, result: { jwt: 'assets', buckets: [] } };
    const worker = workers.get(name);
    const isUpload = (method === 'PUT' && rest === '') || (method === 'POST' && rest === 'versions');
    if (isUpload) {
      if (!worker && rest) return refuse(404, 10_007, 'This Worker does not exist on your account.');
      const form = await new Response(new Uint8Array(body), {
        headers: { 'content-type': headers['content-type'] ?? '' },
      }).formData();
      const uploaded = await readVersion(form);
      if (plan.isFree && uploaded.metadata.limits) {
        return refuse(400, 100_328, 'CPU limits are not supported for the Free plan.');
      }
      const kept = worker?.versions.at(-1)?.metadata.bindings ?? [];
      const version = { ...uploaded, metadata: withKept(uploaded.metadata, kept) };
      const into = worker ?? { versions: [], deployments: [], enabled: false, previews_enabled: false };
      workers.set(name, into);
      into.versions.push(version);
      if (!rest)
        into.deployments.unshift({ id: randomUUID(), versions: [{ version_id: version.id, percentage: 100 }] });
      return {
        result: {
          id: rest ? version.id : name,
          deployment_id: version.id,
          startup_time_ms: 5,
          metadata: { has_preview: true },
        },
      };
    }
    if (!worker) return refuse(404, 10_007, 'This Worker does not exist on your account.');
    if (rest === 'subdomain') {
      if (method === 'POST') Object.assign(worker, JSON.parse(body.toString()));
      return { result: subdomainOf(name) };
    }
    if (rest === 'deployments' && method === 'POST') {
      const { versions } = JSON.parse(body.toString()) as Deployment;
      worker.deployments.unshift({ id: randomUUID(), versions });
      return { result: { id: worker.deployments[0]?.id } };
    }
    if (rest === 'deployments') {
      return { result: { deployments: worker.deployments.map(describe) } };
    }
    if (rest === 'versions') return { result: { items: worker.versions.map(describe) } };
    const [, id] = /^versions\/(.+)$/.exec(rest) ?? [];
    const version = worker.versions.find((one) => one.id === id);
    if (version)
      return {
        result: {
          ...describe(version, worker.versions.indexOf(version)),
          resources: { bindings: [], script: {}, script_runtime: {} },
        },
      };
    if (rest === 'secrets') return { result: [] };
    if (rest === 'settings' || rest === 'script-settings') return { result: { bindings: [] } };
    unknown.push(line);
    return refuse(404, 7003, `no route ${line}`);
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    buckets,
    workers,
    faults,
    plan,
    points,
    seen,
    unknown,
    versionAt(host) {
      for (const [name, { versions, deployments, enabled, previews_enabled }] of workers) {
        if (enabled && host === `${name}.${SUBDOMAIN}.workers.dev`) {
          const [main] = deployments[0]?.versions ?? [];
          return versions.find(({ id }) => id === main?.version_id);
        }
        const preview = versions.find(({ id }) => host === `${id.slice(0, 8)}-${name}.${SUBDOMAIN}.workers.dev`);
        if (preview && previews_enabled) return preview;
      }
      return undefined;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function withKept(metadata: Version['metadata'], before: readonly Binding[]): Version['metadata'] {
  const own = new Set(metadata.bindings.map(({ name }) => name));
  const kept = before.filter(({ name, type }) => metadata.keep_bindings?.includes(type) && !own.has(name));
  return { ...metadata, bindings: [...metadata.bindings, ...kept] };
}

function describe<T extends { id: string }>(one: T, index: number) {
  const created_on = new Date(Date.UTC(2026, 0, 1, 0, 0, index)).toISOString();
  const metadata = { created_on, author_email: 'somebody@example.com', source: 'wrangler' };
  const { modules: _, ...rest } = one as T & { modules?: unknown };
  return { ...metadata, annotations: {}, ...rest, metadata, strategy: 'percentage' };
}

async function readVersion(form: FormData): Promise<Version> {
  const text = form.get('metadata');
  const metadata = JSON.parse(typeof text === 'string' ? text : ((await text?.text()) ?? '{}')) as Version['metadata'];
  const modules = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const [name, part] of form) {
    if (typeof part !== 'string' && /\.(js|wasm)$/.test(name))
      modules.set(name, new Uint8Array(await part.arrayBuffer()));
  }
  return { id: randomUUID(), metadata, modules };
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
