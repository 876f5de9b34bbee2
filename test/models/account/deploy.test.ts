/** `npm run deploy` and `npm run rollback`: wrangler itself, against a stand-in for the API of an account. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Miniflare } from 'miniflare';
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest';

import { deploy, type DeployChoice } from '../../../models/account/deploy.ts';
import { rollback } from '../../../models/account/rollback.ts';
import { findBuild } from '../../../models/bucket/built.ts';
import { pushBuilt } from '../../../models/commands/push.ts';
import { ROOT } from '../../../models/account/wrangler.ts';
import { type AccountServer, startAccount, TOKEN, type Version } from './account-server.ts';

const NAME = 'edge-fill-mask';
const BUCKET = 'edge-fill-mask-models';
const LIVE = `https://${NAME}.somebody.workers.dev`;
const { id, revision, folder, files } = inject('built');
const MODEL = `${id}@${revision}`;
const MASKED = 'Paris is the [MASK] of France.';

let account: AccountServer;
/** What versions answer to the smoke test. */
let answer: (version: Version, path: string, body: string) => Response | Promise<Response>;

beforeEach(async () => {
  account = await startAccount();
  answer = answerWell;
  said.length = 0;
  vi.stubEnv('CLOUDFLARE_API_BASE_URL', account.url);
  vi.stubEnv('CLOUDFLARE_API_TOKEN', TOKEN);
  vi.stubEnv('CLOUDFLARE_ACCOUNT_ID', '');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await account[Symbol.asyncDispose]();
});

const modelOf = ({ metadata }: Version) => metadata.bindings.find(({ name }) => name === 'MODEL')?.text ?? '';

function answerWell(version: Version, path: string, body: string): Response {
  const [model, of] = modelOf(version).split('@');
  if (path === '/ready') return Response.json({ status: 'ok' });
  if (path === '/info') return Response.json({ model, revision: of });
  return body.includes('[MASK]')
    ? Response.json([{ token_str: 'capital', score: 0.5 }])
    : Response.json({ error_type: 'no_mask' }, { status: 422 });
}

/** Requests to workers.dev go to the version that the account has there. */
const throughAccount: typeof fetch = async (input, init) => {
  const url = new URL(input instanceof Request ? input.url : input);
  if (!url.host.endsWith('.workers.dev')) return fetch(input, init);
  const version = account.versionAt(url.host);
  return version
    ? answer(version, url.pathname, typeof init?.body === 'string' ? init.body : '')
    : new Response('no such host', { status: 404 });
};

const said: string[] = [];
const host = {
  fetch: throughAccount,
  say: (line: string) => void said.push(line),
  progress: () => undefined,
  pausesMs: [1, 1],
  readyWithinMs: 0,
};
const deployIt = (choice: DeployChoice = {}) => deploy(choice, host);

/** An account in which a version of the worker is live already, and the model in the bucket. */
async function withLiveVersion(): Promise<string> {
  const version = { id: randomUUID(), metadata: { bindings: [] }, modules: new Map() };
  const deployments = [{ id: randomUUID(), versions: [{ version_id: version.id, percentage: 100 }] }];
  account.workers.set(NAME, { versions: [version], deployments, enabled: true, previews_enabled: true });
  const objects = new Map<string, Uint8Array>();
  for (const name of ['model.efm', 'tokenizer.json', 'manifest.json']) {
    objects.set(`models/${id}/${revision}/${name}`, await readFile(join(folder, name)));
  }
  account.buckets.set(BUCKET, objects);
  return version.id;
}

const live = () => account.versionAt(new URL(LIVE).host)?.id;
const puts = () => account.seen.filter((line) => line.startsWith('PUT /r2/')).map((line) => line.replace(/.*\//, ''));

describe('npm run deploy', () => {
  it('goes live from nothing in workerd, and only after it answered; again does no harm; rollback goes back', async () => {
    const servers = new Map<string, Miniflare>();
    const liveWhenAsked: (string | undefined)[] = [];
    answer = async ({ id: version, metadata, modules }, path, body) => {
      let server = servers.get(version);
      if (!server) {
        const { main_module, compatibility_date, compatibility_flags, bindings } = metadata;
        const uploaded = [...modules].map(([name, contents]) => [
          name,
          { type: name.endsWith('.wasm') ? 'wasm' : 'esm', contents },
        ]);
        const texts = bindings.flatMap(({ name, text }) =>
          text === undefined ? [] : [[name, { type: 'text', value: text }]],
        );
        server = new Miniflare({
          workers: [
            {
              config: {
                name: NAME,
                compatibilityDate: compatibility_date,
                compatibilityFlags: compatibility_flags,
                manifest: { mainModule: main_module, modules: Object.fromEntries(uploaded) },
                env: { MODELS: { type: 'r2', name: 'models' }, ...Object.fromEntries(texts) },
              },
            },
          ],
        } as unknown as ConstructorParameters<typeof Miniflare>[0]);
        servers.set(version, server);
        const bucket = await server.getR2Bucket('MODELS', NAME);
        for (const [key, object] of account.buckets.get(BUCKET) ?? []) await bucket.put(key, object);
        liveWhenAsked.push(live());
      }
      const method = path.startsWith('/fill') ? 'POST' : 'GET';
      const headers = { 'content-type': 'application/json' };
      const found = await server.dispatchFetch(new URL(path, LIVE), {
        method,
        headers,
        ...(method === 'POST' && { body }),
      });
      return new Response(await found.text(), { status: found.status });
    };
    try {
      account.faults.push({ on: /^PUT \/r2/, delayMs: 100 });
      const words = await deployIt();
      expect(account.unknown).toEqual([]);
      expect(words).toContain(`curl ${LIVE}/fill-mask`);
      expect(words.trim()).toMatch(/npm run rollback$/);
      // Only what the engine reads, and the manifest after it.
      expect(puts()).toEqual(['model.efm', 'tokenizer.json', 'manifest.json', 'index.json']);
      const first = live();
      // Nobody but the test reached it before.
      expect(liveWhenAsked).toEqual([undefined]);
      expect((await readdir(ROOT)).filter((name) => name.startsWith('wrangler.'))).toEqual(['wrangler.toml']);
      const asked = await throughAccount(`${LIVE}/fill-mask`, { body: JSON.stringify({ inputs: MASKED }) });
      expect(await asked.json()).toHaveLength(5);

      account.seen.length = 0;
      await deployIt({ model: id });
      expect(puts()).toEqual([]);
      expect(live()).not.toBe(first);
      expect(account.workers.get(NAME)?.versions.map(modelOf)).toEqual([MODEL, MODEL]);

      expect(await rollback(undefined, host)).toContain(`Version ${first} is live again at ${LIVE}`);
      expect(live()).toBe(first);
      expect(said.join('\n')).not.toContain('WARNING');
    } finally {
      for (const server of servers.values()) await server.dispose();
    }
  }, 300_000);

  it('gives a new version a share of the requests, which rollback takes back', async () => {
    const before = await withLiveVersion();
    const words = await deployIt({ gradual: 10 });
    const [now] = account.workers.get(NAME)?.deployments ?? [];
    const version = now?.versions[0]?.version_id;
    expect(now?.versions).toEqual([
      { version_id: version, percentage: 10 },
      { version_id: before, percentage: 90 },
    ]);
    expect(words).toContain(`npx wrangler versions deploy ${version}@100% --yes --env ""`);
    await rollback(undefined, host);
    expect(account.workers.get(NAME)?.deployments[0]?.versions).toEqual([{ version_id: before, percentage: 100 }]);
  });

  it('leaves nothing online when the first version fails its test', async () => {
    answer = () => Response.json({ error: 'The object cannot be used' }, { status: 502 });
    await expect(deployIt()).rejects.toThrow(/GET \/ready answers 502: .*cannot be used[^]*Nothing is online\./);
    expect(live()).toBeUndefined();
  });

  it('sends the rest when an upload broke off, after three tries', async () => {
    account.faults.push({ on: /^PUT .*manifest\.json/, status: 500 });
    await expect(deployIt()).rejects.toThrow(/the API refused PUT .*manifest\.json \(500.*[^]*Nothing is online\./);
    expect(puts()).toEqual(['model.efm', 'tokenizer.json', 'manifest.json', 'manifest.json', 'manifest.json']);

    account.seen.length = 0;
    account.faults.splice(
      0,
      1,
      { on: /^PUT .*manifest\.json/, status: 429, times: 2 },
      { on: /^POST .*\d/, status: 400 },
    );
    answer = () => new Response('', { status: 500 });
    await expect(deployIt()).rejects.toThrow('GET /ready answers 500');
    expect(puts()).toEqual(['manifest.json', 'manifest.json', 'manifest.json', 'index.json']);
  });

  it('replaces an object of other content', async () => {
    await withLiveVersion();
    const key = `models/${id}/${revision}/model.efm`;
    const object = Uint8Array.from(account.buckets.get(BUCKET)?.get(key) ?? []);
    object[100] = (object[100] ?? 0) ^ 1;
    account.buckets.get(BUCKET)?.set(key, object);
    account.faults.push({ on: /^POST .*assets/, status: 403 });
    await expect(deployIt()).rejects.toThrow('Live is version');
    expect(puts()).toEqual(['model.efm', 'index.json']);
  });

  it.each([
    ['a version is refused', { on: /^POST .*\/versions$/, status: 400 }, /wrangler versions upload failed/],
    ['its address cannot be set', { on: /^POST .*\/subdomain$/, status: 400 }, /wrangler triggers deploy failed/],
    ['it cannot be made live', { on: /^POST .*\/deployments$/, status: 400 }, /wrangler versions deploy failed/],
  ])('leaves the live version when %s', async (_, fault, problem) => {
    const before = await withLiveVersion();
    account.faults.push(fault);
    const error = await deployIt().catch((thrown: unknown) => thrown as Error);
    expect((error as Error).message).toMatch(problem);
    expect((error as Error).message).toContain(`Live is version ${before} (100 %).`);
    expect(live()).toBe(before);
  });

  it('leaves the live version when the new one fails its test', async () => {
    const before = await withLiveVersion();
    answer = (version, path, body) =>
      path === '/fill-mask' && body.includes('[MASK]') ? Response.json([]) : answerWell(version, path, body);
    await expect(deployIt()).rejects.toThrow(
      new RegExp(`POST /fill-mask answers 200 and no prediction: \\[\\][^]*Live is version ${before}`),
    );
    expect(live()).toBe(before);
  });

  it.each([
    ['R2 is not enabled', { on: /^GET \/r2\/buckets/, status: 403, code: 10_042 }, 'R2 is not enabled in this account'],
    [
      'the token has no right to R2',
      { on: /^GET \/r2\/buckets/, status: 403, code: 10_000 },
      'the token lacks the permission "Workers R2 Storage: Edit"',
    ],
    [
      'the token has no right to workers',
      { on: /^GET \/workers\/services/, status: 403, code: 10_000 },
      'the token lacks the permission "Workers Scripts: Edit"',
    ],
    ['the bucket is taken', { on: /^POST \/r2\/buckets/, status: 409, code: 10_004 }, 'MODELS another bucket_name'],
    ['there is no workers.dev', { on: /^GET \/workers\/subdomain/, status: 404 }, 'has no workers.dev subdomain'],
    ['the token is wrong', { on: /./, status: 401 }, 'the account does not accept the token: run `npx wrangler login`'],
    ['the API is down', { on: /./, status: 503 }, 'the API refused GET /accounts (503'],
  ])('says what to do when %s, before it changes anything', async (_, fault, problem) => {
    account.faults.push(fault);
    await expect(deployIt()).rejects.toThrow(problem);
    expect(account.workers.size).toBe(0);
    expect(puts()).toEqual([]);
  });

  it('says what to do without a login', async () => {
    const home = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
    for (const name of ['HOME', 'XDG_CONFIG_HOME']) vi.stubEnv(name, home);
    vi.stubEnv('CLOUDFLARE_API_TOKEN', '');
    await expect(deployIt()).rejects.toThrow(
      'There is no login. Run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN to a token (docs/deploying.md).',
    );
    await rm(home, { recursive: true });
    expect(account.seen).toEqual([]);
  });

  it.each<[DeployChoice, string]>([
    [{ env: 'production' }, 'wrangler.toml has no environment production: --env is '],
    [{ model: 'nobody' }, 'neither a checkpoint nor a build of nobody'],
    [{ model: `${id}@0123456789abcdef` }, `${id} builds to ${MODEL}, not to ${id}@0123456789abcdef`],
    [{ gradual: 10 }, '--gradual needs a version that is live'],
  ])('refuses %j', async (choice, problem) => {
    await expect(deployIt(choice)).rejects.toThrow(problem);
    expect(account.buckets.size).toBe(0);
  });
});

describe('npm run models -- push --remote', () => {
  it('puts all files of a model into the bucket of the account, and nothing the second time', async () => {
    vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const built = await findBuild(id, revision);
    if (!built) throw new Error('the default model is not built');
    await pushBuilt(built, 'remote');
    expect(puts()).toEqual([...files, 'index.json']);
    account.seen.length = 0;
    await pushBuilt(built, 'remote');
    expect(puts()).toEqual([]);
    vi.restoreAllMocks();
  });
});

describe('npm run rollback', () => {
  it('says that there is nothing to go back to', async () => {
    await expect(rollback(undefined, host)).rejects.toThrow(
      `There is no worker ${NAME} in the account: npm run deploy`,
    );
    const only = await withLiveVersion();
    await expect(rollback(undefined, host)).rejects.toThrow(`There is no version before ${only}`);
  });

  it('stays with a version whose predecessor answers no more', async () => {
    const before = await withLiveVersion();
    const now = { id: randomUUID(), metadata: { bindings: [] }, modules: new Map() };
    const worker = account.workers.get(NAME);
    worker?.versions.push(now);
    worker?.deployments.unshift({ id: randomUUID(), versions: [{ version_id: now.id, percentage: 100 }] });
    answer = (version) => new Response(version.id, { status: 502 });
    await expect(rollback(undefined, host)).rejects.toThrow(
      `GET /ready answers 502: ${before}\n\nLive is version ${now.id} (100 %).`,
    );
    expect(live()).toBe(now.id);
  });
});
