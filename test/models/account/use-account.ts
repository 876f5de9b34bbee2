/** A stand-in for an account before each test of a file, and requests to workers.dev that reach its versions. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, inject, vi } from 'vitest';

import { fakeWrangler } from './fake-wrangler.ts';
import { type AccountServer, startAccount, TOKEN, type Version } from './account-server.ts';

export const NAME = 'edge-fill-mask';
export const BUCKET = 'edge-fill-mask-models';
export const LIVE = `https://${NAME}.somebody.workers.dev`;

/** A version whose code no other one has. */
const anyVersion = (): Pick<Version, 'metadata' | 'modules'> => ({
  metadata: { bindings: [{ name: 'MODEL', type: 'plain_text', text: 'base@1' }], main_module: 'index.js' },
  modules: new Map([['index.js', new TextEncoder().encode(`// ${randomUUID()}`)]]),
});

type Answer = (version: Version, path: string, body: string, headers: Headers) => Response | Promise<Response>;

export const bindingOf = ({ metadata }: Version, wanted: string): string | undefined =>
  metadata.bindings.find(({ name }) => name === wanted)?.text;

/** The keys that a version accepts. */
const keysOf = ({ metadata }: Version): string[] =>
  metadata.bindings.filter(({ name }) => name.startsWith('API_KEY')).flatMap(({ text = '' }) => text.split(', '));

/** What a working version answers to the smoke test. */
export const answerWell: Answer = (version, path, body, headers) => {
  const [, named = bindingOf(version, 'MODEL') ?? ''] = /^\/models\/([^/]+)/.exec(path) ?? [];
  const [model, revision] = named.split('@');
  if (path.endsWith('/ready')) return Response.json({ status: 'ok' });
  if (path.endsWith('/info')) return Response.json({ model, revision });
  const keys = keysOf(version);
  const isAllowed = keys.length === 0 || keys.some((key) => headers.get('authorization') === `Bearer ${key}`);
  if (!isAllowed) return Response.json({ error_type: 'key_missing' }, { status: 401 });
  return body.includes('[MASK]')
    ? Response.json([{ token_str: 'capital', score: 0.5 }])
    : Response.json({ error_type: 'no_mask' }, { status: 422 });
};

export function useAccount() {
  const { id, revision, folder } = inject('built');
  const said: string[] = [];
  let server: AccountServer | undefined;
  let answer = answerWell;
  let temporary = '';
  beforeEach(async () => {
    temporary = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
    vi.stubEnv('TMPDIR', temporary);
    server = await startAccount();
    answer = answerWell;
    said.length = 0;
    vi.stubEnv('CLOUDFLARE_API_BASE_URL', server.url);
    vi.stubEnv('CLOUDFLARE_API_TOKEN', TOKEN);
    vi.stubEnv('CLOUDFLARE_ACCOUNT_ID', '');
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await server?.[Symbol.asyncDispose]();
    // A file with keys may be among them.
    const left = (await readdir(temporary)).filter((name) => name.startsWith('edge-fill-mask-'));
    await rm(temporary, { recursive: true });
    expect(left).toEqual([]);
    expect(said.join('\n')).not.toContain('WARNING');
  });
  const started = (): AccountServer => {
    if (!server) throw new Error('the account has not started');
    return server;
  };

  const throughAccount: typeof fetch = async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const isWorker = url.host.endsWith('.workers.dev') || started().routed.has(url.host);
    if (!isWorker) return fetch(input, init);
    const version = started().versionAt(url.host, new Headers(init?.headers));
    if (!version) return new Response('no such host', { status: 404 });
    const body = typeof init?.body === 'string' ? init.body : '';
    const response = await answer(version, url.pathname, body, new Headers(init?.headers));
    if (url.pathname.endsWith('/ready') && response.ok) response.headers.set('worker-version', version.id);
    return response;
  };

  const host = {
    fetch: throughAccount,
    say: (line: string) => void said.push(line),
    progress: () => undefined,
    pausesMs: [1, 1],
    readyWithinMs: 0,
    pauseMs: 1,
    settleMs: 0,
  };

  return {
    get server() {
      return started();
    },
    /** What the commands said. */
    said,
    host: { ...host, runWrangler: fakeWrangler },
    /** The same, with the process of wrangler, which takes seconds. */
    hostWithWrangler: host,
    /** Sets what versions answer in this test. */
    answerWith(other: Answer) {
      answer = other;
    },
    live: () => started().versionAt(new URL(LIVE).host)?.id,
    versions: () => started().workers.get(NAME)?.versions ?? [],
    /** The requests that changed something. */
    changes: () => started().seen.filter((line) => !line.startsWith('GET')),
    /** What an address of a version answers, that nobody should reach. */
    statusAtOwnAddress: async (version: string) =>
      (await throughAccount(`https://${version.slice(0, 8)}-${NAME}.somebody.workers.dev/health`)).status,
    puts: () =>
      started()
        .seen.filter((line) => line.startsWith('PUT /r2/'))
        .map((line) => line.replace(/.*\//, '')),
    /** Adds a version that nobody reaches yet. */
    addVersion(of: Pick<Version, 'metadata' | 'modules'> = anyVersion()): string {
      const version: Version = { ...of, id: randomUUID() };
      started().workers.get(NAME)?.versions.push(version);
      return version.id;
    },
    makeLive(version: string, shares: Readonly<Record<string, number>> = { [version]: 100 }) {
      const versions = Object.entries(shares).map(([version_id, percentage]) => ({ version_id, percentage }));
      const deployment = { id: randomUUID(), versions };
      started().workers.get(NAME)?.deployments.unshift(deployment);
    },
    /** A version of the worker is live, and the model is in the bucket. */
    async withLiveVersion(): Promise<string> {
      started().workers.set(NAME, { versions: [], deployments: [], enabled: true, previews_enabled: false });
      const version = this.addVersion();
      this.makeLive(version);
      const objects = new Map<string, Uint8Array>();
      for (const name of ['model.efm', 'tokenizer.bin', 'manifest.json']) {
        objects.set(`models/${id}/${revision}/${name}`, await readFile(join(folder, name)));
      }
      started().buckets.set(BUCKET, objects);
      return version;
    },
  };
}
