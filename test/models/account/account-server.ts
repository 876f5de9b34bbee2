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
  /** Of the type `inherit`: the version that has the binding, the newest if there is none. */
  readonly version_id?: string;
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
  readonly annotations?: Readonly<Record<string, string>>;
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
  readonly headers?: Record<string, string>;
  /** Is called while the request is held. */
  readonly meanwhile?: () => void;
}

export interface AccountServer extends AsyncDisposable {
  readonly url: string;
  /** By name; those of a jurisdiction as `<jurisdiction>:<name>`. */
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
  /**
   * The version that a request reaches, if anybody can reach it there.
   * @param host of workers.dev, or of a route
   */
  versionAt(host: string, headers?: Headers): Version | undefined;
  /** Hosts that lead to a worker besides workers.dev. */
  readonly routed: Map<string, string>;
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
  const routed = new Map<string, string>();
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
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
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
    fault.meanwhile?.();
    await pause(fault.delayMs ?? 0);
    if (fault.status === undefined) return undefined;
    return {
      ...refuse(fault.status, fault.code ?? 0, 'as the test wants it'),
      ...(fault.headers && { headers: fault.headers }),
    };
  }

  async function route(request: IncomingMessage, path: string, body: Buffer, line: string): Promise<Answer> {
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return refuse(401, 10_000, 'Authentication error');
    if (path === '/accounts') return { result: [{ id: ACCOUNT, name: 'Somebody' }] };
    if (path === '/workers/subdomain') return { result: { subdomain: SUBDOMAIN } };
    const [, bucketName, key] = /^\/r2\/buckets(?:\/([^/]+)(?:\/objects\/(.+))?)?$/.exec(path) ?? [];
    if (path.startsWith('/r2/')) {
      // Each jurisdiction has buckets of its own: a request without the header does not find them (wrangler's `--jurisdiction`).
      const jurisdiction = request.headers['cf-r2-jurisdiction'];
      return answerR2(request.method ?? '', jurisdiction ? `${String(jurisdiction)}:` : '', bucketName, key, body);
    }
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

  function answerR2(
    method: string,
    prefix: string,
    name: string | undefined,
    key: string | undefined,
    body: Buffer,
  ): Answer {
    if (!name) {
      if (method === 'GET') return { result: { buckets: [...buckets.keys()].map((one) => ({ name: one })) } };
      const { name: wanted } = JSON.parse(body.toString()) as { name: string };
      if (buckets.has(prefix + wanted)) return refuse(409, 10_004, 'The bucket you tried to create already exists.');
      buckets.set(prefix + wanted, new Map());
      return { result: { name: wanted } };
    }
    const bucket = buckets.get(prefix + name);
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

  /** A copy of the newest version with other bindings: `null` takes one away. */
  function patchLatest(name: string, body: Buffer): Answer {
    const versions = workers.get(name)?.versions;
    if (!versions) return refuse(404, 10_007, 'This Worker does not exist on your account.');
    const latest = versions.at(-1);
    // wrangler knows this code (NO_VERSIONS_ERR_CODE in src/versions/secrets).
    if (!latest) return refuse(400, 10_222, 'There are currently no uploaded versions of this Worker.');
    const { env, annotations } = JSON.parse(body.toString()) as Pick<Version, 'annotations'> & {
      env: Record<string, Omit<Binding, 'name'> | null>;
    };
    const changed = Object.entries(env).flatMap(([key, binding]) =>
      binding ? [{ name: key, type: binding.type, text: binding.text ?? '' }] : [],
    );
    const others = latest.metadata.bindings.filter((binding) => !Object.hasOwn(env, binding.name));
    const metadata = { ...latest.metadata, bindings: [...others, ...changed] };
    const version: Version = { ...latest, id: randomUUID(), metadata, ...(annotations && { annotations }) };
    versions.push(version);
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
    { method = '', headers, url = '' }: IncomingMessage,
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
      const inherited = inherit(uploaded.metadata.bindings, worker?.versions ?? []);
      // wrangler's INVALID_INHERIT_BINDING_CODE.
      if (typeof inherited === 'string') return refuse(400, 10_057, `There is no binding ${inherited} to inherit.`);
      const kept = worker?.versions.at(-1)?.metadata.bindings ?? [];
      const metadata = withKept({ ...uploaded.metadata, bindings: inherited }, kept);
      const version = { ...uploaded, metadata };
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
      return createDeployment(worker, body, url.includes('force=true'));
    }
    if (rest === 'deployments') {
      return { result: { deployments: worker.deployments.map((one, i, all) => describe(one, all.length - i)) } };
    }
    if (rest === 'versions') return { result: { items: worker.versions.map(describe) } };
    const [, id] = /^versions\/(.+)$/.exec(rest) ?? [];
    const version = worker.versions.find((one) => one.id === id);
    if (version) return { result: withResources(version, worker.versions.indexOf(version)) };
    const [, ofVersion] = /[?&]version=([\w-]+)/.exec(url) ?? [];
    const content = worker.versions.find((one) => one.id === ofVersion);
    if (rest === 'content/v2' && content) return contentOf(content);
    const [, secret] = /^secrets(?:\/(.+))?$/.exec(rest) ?? [];
    if (method === 'DELETE' && secret) return editSecret(worker, method, secret, '');
    if (rest === 'secrets' && method === 'PUT') {
      const put = JSON.parse(body.toString()) as { name: string; text: string };
      return editSecret(worker, method, put.name, put.text);
    }
    if (rest === 'secrets') {
      return { result: worker.versions.at(-1)?.metadata.bindings.filter(({ type }) => type === 'secret_text') ?? [] };
    }
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
    routed,
    versionAt(host, headers = new Headers()) {
      for (const [name, { versions, deployments, enabled, previews_enabled }] of workers) {
        if ((enabled && host === `${name}.${SUBDOMAIN}.workers.dev`) || routed.get(host) === name) {
          const served = deployments[0]?.versions ?? [];
          // An override is obeyed for a version of the deployment, also with 0 %, and ignored for others
          // (documentation of version overrides).
          const wanted = headers.get('cloudflare-workers-version-overrides');
          const main =
            served.find(({ version_id }) => wanted === `${name}="${version_id}"`) ??
            served.toSorted((a, b) => b.percentage - a.percentage)[0];
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

/** The modules of a version, as wrangler read them to copy one (`copyWorkerVersionWithNewSecrets`). */
async function contentOf({ metadata, modules }: Version): Promise<Answer> {
  const form = new FormData();
  for (const [name, bytes] of modules) {
    const type = name.endsWith('.wasm') ? 'application/wasm' : 'application/javascript+module';
    form.set(name, new Blob([bytes], { type }), name);
  }
  const response = new Response(form);
  const headers = {
    'content-type': response.headers.get('content-type') ?? '',
    'cf-entrypoint': metadata.main_module ?? '',
  };
  return { raw: new Uint8Array(await response.arrayBuffer()), headers };
}

/** `PUT` and `DELETE` of a secret: a version that is live at once. */
function editSecret(worker: HostedWorker, method: string, name: string, text: string): Answer {
  const latest = worker.versions.at(-1);
  const [only] = worker.deployments[0]?.versions ?? [];
  // 10215, wrangler's VERSION_NOT_DEPLOYED_ERR_CODE in src/secret; workers-sdk #10585 and #6763.
  if (!latest || only?.version_id !== latest.id || only.percentage !== 100) {
    return refuse(400, 10_215, 'Secret edit failed. The latest version of the Worker is not currently deployed.');
  }
  const others = latest.metadata.bindings.filter((one) => one.name !== name);
  const bindings = method === 'PUT' ? [...others, { name, type: 'secret_text', text }] : others;
  const annotations = { 'workers/triggered_by': 'secret' };
  const version: Version = { ...latest, id: randomUUID(), metadata: { ...latest.metadata, bindings }, annotations };
  worker.versions.push(version);
  worker.deployments.unshift({ id: randomUUID(), versions: [{ version_id: version.id, percentage: 100 }] });
  return { result: {} };
}

function createDeployment(worker: HostedWorker, body: Buffer, isForced: boolean): Answer {
  const { versions, annotations } = JSON.parse(body.toString()) as Omit<Deployment, 'id'>;
  const found = versions.map(({ version_id }) => worker.versions.findIndex(({ id }) => id === version_id));
  if (found.includes(-1)) return refuse(404, 10_013, 'There is no such version.');
  // At most two versions, whose shares add up to 100 (documentation of gradual deployments).
  const total = versions.reduce((sum, { percentage }) => sum + percentage, 0);
  if (versions.length > 2 || new Set(found).size < found.length || total !== 100) {
    return refuse(400, 10_021, 'A deployment has one or two versions, and 100 % in all.');
  }
  // 10220, wrangler's CANNOT_ROLLBACK_WITH_MODIFIED_SECERT_CODE in src/versions/rollback: an older version whose secrets have changed
  // since goes live with force=true only, which `wrangler versions deploy` does not send (workers-sdk #14998).
  const served = worker.deployments[0]?.versions.map(({ version_id }) => version_id) ?? [];
  const newest = Math.max(...served.map((one) => worker.versions.findIndex(({ id }) => id === one)));
  const changed = found.flatMap((at) =>
    at < newest ? changedSecrets(worker.versions[at], worker.versions[newest]) : [],
  );
  if (changed.length > 0 && !isForced) {
    return refuse(400, 10_220, `The following secrets have changed: ${[...new Set(changed)].join(', ')}`);
  }
  worker.deployments.unshift({ id: randomUUID(), versions, ...(annotations && { annotations }) });
  return { result: { id: worker.deployments[0]?.id } };
}

/** @returns the bindings with those of other versions put in, or the name of one that is not there */
function inherit(bindings: readonly Binding[], versions: readonly Version[]): Binding[] | string {
  const found: Binding[] = [];
  for (const binding of bindings) {
    const { name, type, version_id = 'latest' } = binding;
    const from = version_id === 'latest' ? versions.at(-1) : versions.find(({ id }) => id === version_id);
    const one = type === 'inherit' ? from?.metadata.bindings.find((other) => other.name === name) : binding;
    if (!one) return name;
    found.push(one);
  }
  return found;
}

function changedSecrets(before: Version | undefined, now: Version | undefined): string[] {
  const secretsOf = (version: Version | undefined) =>
    new Map(
      (version?.metadata.bindings ?? [])
        .filter(({ type }) => type === 'secret_text')
        .map(({ name, text }) => [name, text]),
    );
  const [a, b] = [secretsOf(before), secretsOf(now)];
  return [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name));
}

/** Secrets can be named, never read. */
function withResources(version: Version, index: number) {
  const { bindings, compatibility_date, compatibility_flags, limits } = version.metadata;
  const hash = createHash('sha256');
  for (const [name, bytes] of version.modules) hash.update(name).update(bytes);
  const shown = bindings.map(({ text, ...rest }) =>
    rest.type === 'secret_text' || text === undefined ? rest : Object.assign(rest, { text }),
  );
  return {
    ...describe(version, index),
    number: index + 1,
    resources: {
      bindings: shown,
      script: { etag: hash.digest('hex') },
      script_runtime: { compatibility_date, compatibility_flags, ...(limits && { limits }) },
    },
  };
}

function describe<T extends { id: string }>(one: T, index: number) {
  const created_on = new Date(Date.UTC(2026, 0, 1, 0, 0, index)).toISOString();
  const metadata = { created_on, author_email: 'somebody@example.com', source: 'wrangler' };
  const { modules: _, ...rest } = one as T & { modules?: unknown };
  return { ...metadata, annotations: {}, ...rest, metadata, strategy: 'percentage', number: index + 1 };
}

async function readVersion(form: FormData): Promise<Version> {
  const text = form.get('metadata');
  const metadata = JSON.parse(typeof text === 'string' ? text : ((await text?.text()) ?? '{}')) as Version['metadata'];
  const modules = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const [name, part] of form) {
    if (typeof part !== 'string' && /\.(js|wasm)$/.test(name))
      modules.set(name, new Uint8Array(await part.arrayBuffer()));
  }
  const { annotations } = metadata as { annotations?: Record<string, string> };
  return { id: randomUUID(), metadata, modules, ...(annotations && { annotations }) };
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
