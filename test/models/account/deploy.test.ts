/** `npm run deploy` and `npm run rollback`: wrangler itself, against a stand-in for the API of an account. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Miniflare } from 'miniflare';
import { describe, expect, inject, it, vi } from 'vitest';

import { deploy, type DeployChoice } from '../../../models/account/deploy.ts';
import { addKeys } from '../../../models/account/keys.ts';
import { rollback } from '../../../models/account/rollback.ts';
import { ROOT } from '../../../models/account/wrangler.ts';
import { findBuild } from '../../../models/bucket/built.ts';
import { findOrBuild } from '../../../models/convert/find-or-build.ts';
import { answerWell, bindingOf, BUCKET, LIVE, NAME, useAccount } from './use-account.ts';

vi.mock(import('../../../models/convert/find-or-build.ts'), async (importOriginal) => {
  const original = await importOriginal();
  return { ...original, findOrBuild: vi.fn<typeof findOrBuild>(original.findOrBuild) };
});

const { id, revision } = inject('built');
const MODEL = `${id}@${revision}`;
const KEY = '0123456789abcdef';
const OFF = { type: 'text', value: 'off' };
const MASKED = 'Paris is the [MASK] of France.';

const account = useAccount();
const { host, live, puts, said, versions } = account;
const deployIt = (choice: DeployChoice = {}) => deploy(choice, host);

describe('npm run deploy', () => {
  it('goes live from nothing in workerd, and only after it answered; again does no harm; rollback goes back', async () => {
    const servers = new Map<string, Miniflare>();
    const liveWhenAsked: (string | undefined)[] = [];
    // Each workerd and each wrangler takes seconds: they run where nothing else shows that the uploaded code answers.
    const inWorkerd: Parameters<typeof account.answerWith>[0] = async (
      { id: version, metadata, modules },
      path,
      body,
      asked,
    ) => {
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
                env: { MODELS: { type: 'r2', name: 'models' }, ...Object.fromEntries(texts), REQUEST_LOG: OFF },
              },
            },
          ],
        } as unknown as ConstructorParameters<typeof Miniflare>[0]);
        servers.set(version, server);
        const bucket = await server.getR2Bucket('MODELS', NAME);
        for (const [key, object] of account.server.buckets.get(BUCKET) ?? []) await bucket.put(key, object);
        liveWhenAsked.push(live());
      }
      const headers = Object.fromEntries(asked);
      const post = { method: 'POST', body, headers };
      const found = await server.dispatchFetch(new URL(path, LIVE), path.startsWith('/fill') ? post : { headers });
      return new Response(await found.text(), { status: found.status });
    };
    account.answerWith(inWorkerd);
    try {
      account.server.faults.push({ on: /^PUT \/r2/, delayMs: 100 });
      const words = await deploy({ keys: [['API_KEY_ALICE', KEY]] }, account.hostWithWrangler);
      expect(words).toContain(`  ALICE  ${KEY}`);
      expect(account.server.unknown).toEqual([]);
      expect(words).toContain(`curl ${LIVE}/fill-mask`);
      expect(words.trim()).toMatch(/npm run rollback$/);
      expect(words).toContain(
        'In the worst month, the answers to one caller at one location cost $37 on the paid plan',
      );
      // Only what the engine reads, and the manifest after it.
      const digests = `${NAME}.json`;
      expect(puts()).toEqual(['model.efm', 'tokenizer.bin', 'manifest.json', 'index.json', digests]);
      const first = live();
      // Nobody but the test reached it before.
      expect(liveWhenAsked).toEqual([undefined]);
      expect((await readdir(ROOT)).filter((name) => name.startsWith('wrangler.'))).toEqual(['wrangler.toml']);
      // Closed from its first second.
      const body = JSON.stringify({ inputs: MASKED });
      const headers = { 'content-type': 'application/json' };
      expect((await host.fetch(`${LIVE}/fill-mask`, { body, headers })).status).toBe(401);
      const withKey = { ...headers, authorization: `Bearer ${KEY}` };
      const asked = await host.fetch(`${LIVE}/fill-mask`, { body, headers: withKey });
      expect(await asked.json()).toHaveLength(5);

      account.server.seen.length = 0;
      vi.stubEnv('API_KEY', KEY);
      await deploy({ model: id }, account.hostWithWrangler);
      expect(puts()).toEqual([]);
      const second = live() ?? '';
      expect(second).not.toBe(first);
      expect(versions().map((version) => bindingOf(version, 'MODEL'))).toEqual([MODEL, MODEL]);
      expect(versions().map(({ metadata }) => metadata.limits)).toEqual([{ cpu_ms: 20_000 }, { cpu_ms: 20_000 }]);
      expect(versions().map((version) => bindingOf(version, 'CACHE_OPERATIONS'))).toEqual(['500', '500']);
      // A version inherits the secrets.
      expect(versions().map((version) => bindingOf(version, 'API_KEY_ALICE'))).toEqual([KEY, KEY]);
      // Made once, for all versions.
      const secrets = versions().map((version) => bindingOf(version, 'CACHE_SECRET'));
      expect(secrets[0]).toMatch(/^[\w-]{43}$/);
      expect(secrets[1]).toBe(secrets[0]);
      account.answerWith(answerWell);
      await addKeys(['bob'], {}, host);

      // The same code again is nothing to go back to.
      await expect(rollback({ isConfirmed: true }, host)).rejects.toThrow(`There is no version before ${live()}`);
      // A copy of the first one answers in workerd.
      account.answerWith(inWorkerd);
      expect(await rollback({ version: first, isConfirmed: true }, account.hostWithWrangler)).toContain(
        `Version ${first} is live again, as ${live()}. It asks for a key.`,
      );
      expect(account.server.unknown).toEqual([]);
      const gone = live();
      account.answerWith(answerWell);
      expect(versions().at(-1)?.modules.size).toBe(versions()[0]?.modules.size);
      for (const [key, problem] of [
        ['', 'POST /fill-mask asks for a key: set the environment variable API_KEY to a key of the worker'],
        ['expired-key-of-16', 'POST /fill-mask does not accept the key in API_KEY: set'],
      ] as const) {
        vi.stubEnv('API_KEY', key);
        await expect(rollback({ version: second, isConfirmed: true }, host)).rejects.toThrow(problem);
      }
      expect(live()).toBe(gone);
      for (const { id: version } of versions()) expect(await account.statusAtOwnAddress(version)).toBe(404);

      // A version with a wrong setting.
      vi.stubEnv('API_KEY', KEY);
      const wrong = { error: 'The variable ALLOWED_ORIGINS has no origin', error_type: 'misconfigured' };
      account.answerWith(() => Response.json(wrong, { status: 503 }));
      await expect(rollback({ version: second, isConfirmed: true }, host)).rejects.toThrow(
        /GET \/ready answers 503: .* variable ALLOWED_ORIGINS has/,
      );
      expect(live()).toBe(gone);
    } finally {
      for (const server of servers.values()) await server.dispose();
    }
  }, 300_000);

  it('leaves out the limits where the account has the Free plan, and says so', async () => {
    account.server.plan.isFree = true;
    await deployIt();
    expect(said).toContain(
      '  The Free plan accepts no [limits]: once more without them. It ends a request after 10 ms of CPU time.',
    );
    expect(versions().map(({ metadata }) => metadata.limits)).toEqual([undefined]);
    expect(versions().map((version) => bindingOf(version, 'CACHE_OPERATIONS'))).toEqual([undefined]);
    expect(live()).toBe(versions()[0]?.id);
    expect(account.server.unknown).toEqual([]);
  });

  it('gives a new version a share of the requests, which rollback takes back', async () => {
    const before = await account.withLiveVersion();
    const words = await deployIt({ gradual: 10 });
    const [now] = account.server.workers.get(NAME)?.deployments ?? [];
    const version = now?.versions[0]?.version_id;
    expect(now?.versions).toEqual([
      { version_id: version, percentage: 10 },
      { version_id: before, percentage: 90 },
    ]);
    expect(words).toContain(`\n  npm run rollback -- ${version?.slice(0, 8)}\n`);
    expect(said).toContain('Giving it 10 % of the requests');
    await rollback({ isConfirmed: true }, host);
    expect(account.server.workers.get(NAME)?.deployments[0]?.versions).toEqual([
      { version_id: before, percentage: 100 },
    ]);
  });

  it('leaves nothing online whatever fails of the first deployment, and sends only the rest the next time', async () => {
    const { faults } = account.server;
    faults.push({ on: /^PUT .*manifest\.json/, status: 500 });
    await expect(deployIt()).rejects.toThrow(/the API refused PUT .*manifest\.json \(500.*[^]*Nothing is online\./);
    // Three tries.
    expect(puts()).toEqual(['model.efm', 'tokenizer.bin', 'manifest.json', 'manifest.json', 'manifest.json']);

    account.server.seen.length = 0;
    faults.splice(0, 1, { on: /^PUT .*manifest\.json/, status: 429, times: 2 }, { on: /^PUT .*scripts/, status: 400 });
    await expect(deployIt()).rejects.toThrow(/wrangler deploy failed: [^]*Nothing is online\./);
    expect(puts()).toEqual(['manifest.json', 'manifest.json', 'manifest.json', 'index.json']);

    account.server.seen.length = 0;
    faults.splice(0, 2);
    account.answerWith(() => Response.json({ error: 'The object cannot be used' }, { status: 502 }));
    await expect(deployIt()).rejects.toThrow(/GET \/ready answers 502: .*cannot be used[^]*Nothing is online\./);
    expect(puts()).toEqual([]);
    for (const { id: version } of versions()) expect(await account.statusAtOwnAddress(version)).toBe(404);

    account.answerWith(answerWell);
    faults.push({ on: /^POST .*\/subdomain$/, status: 400 });
    await expect(deployIt()).rejects.toThrow(/the API refused POST [^]*\/subdomain [^]*Nothing is online\./);
    expect(live()).toBeUndefined();
  });

  it('uploads the worker of another environment, and what its backend reads', async () => {
    account.server.faults.push({ on: /^PUT .*scripts/, status: 400 });
    await expect(deployIt({ env: 'onnxruntime' })).rejects.toThrow(/wrangler deploy failed: [^]*Nothing is online\./);
    expect(puts()).toEqual(['model.onnx', 'tokenizer.bin', 'manifest.json', 'index.json']);
    expect(account.server.seen.filter((line) => line.startsWith('PUT /workers'))).toEqual([
      `PUT /workers/scripts/${NAME}-onnxruntime`,
    ]);
    account.server.faults.length = 0;
    const words = await deployIt({ env: 'onnxruntime' });
    expect(words).toContain(`https://${NAME}-onnxruntime.somebody.workers.dev/fill-mask`);
    expect(words).toContain('It answers anybody. To close it: npm run keys -- add NAME');
    expect(words.trim()).toMatch(/\n {2}npm run rollback -- --env onnxruntime$/);
    const some = await deployIt({ env: 'onnxruntime', gradual: 10 });
    expect(some).toMatch(/\n {2}npm run rollback -- [0-9a-f]{8} --env onnxruntime\n/);
  });

  it('replaces an object of other content, and leaves the live version when the new one is refused', async () => {
    const before = await account.withLiveVersion();
    const key = `models/${id}/${revision}/model.efm`;
    const object = Uint8Array.from(account.server.buckets.get(BUCKET)?.get(key) ?? []);
    object[100] = (object[100] ?? 0) ^ 1;
    account.server.buckets.get(BUCKET)?.set(key, object);
    account.server.faults.push({ on: /^POST .*\/versions$/, status: 400 });
    await expect(deployIt()).rejects.toThrow(
      new RegExp(`wrangler versions upload failed: [^]*Live is version ${before} \\(100 %\\)`),
    );
    expect(puts()).toEqual(['model.efm', 'index.json']);
    expect(live()).toBe(before);
  });

  it.each([
    ['its address cannot be set', { on: /^POST .*\/subdomain$/, status: 400 }, /wrangler triggers deploy failed/],
    [
      'the token may not upload it',
      { on: /^POST .*\/versions$/, status: 403, code: 10_000 },
      /wrangler versions upload failed: [^]*the token lacks the permission "Workers Scripts: Edit"/,
    ],
    ['it cannot be made live', { on: /^POST .*\/deployments$/, status: 400 }, /the API refused POST .*\/deployments/],
  ])('leaves the live version when %s', async (_, fault, problem) => {
    const before = await account.withLiveVersion();
    account.server.faults.push(fault);
    const error = await deployIt().catch((thrown: unknown) => thrown as Error);
    expect((error as Error).message).toMatch(problem);
    expect((error as Error).message).toContain(`Live is version ${before} (100 %).`);
    expect(live()).toBe(before);
  });

  it('leaves the live version when the new one fails its test', async () => {
    const before = await account.withLiveVersion();
    account.answerWith((version, path, body, headers) =>
      path === '/fill-mask' && body.includes('[MASK]') ? Response.json([]) : answerWell(version, path, body, headers),
    );
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
      { on: /^GET .*\/deployments$/, status: 403, code: 10_000 },
      'the token lacks the permission "Workers Scripts: Edit"',
    ],
    [
      'the bucket is taken',
      { on: /^POST \/r2\/buckets/, status: 409, code: 10_004 },
      'give that binding another bucket_name',
    ],
    ['there is no workers.dev', { on: /^GET \/workers\/subdomain/, status: 404 }, 'has no workers.dev subdomain'],
    ['the token is wrong', { on: /./, status: 401 }, 'the account does not accept the token: run `npx wrangler login`'],
    ['the API is down', { on: /./, status: 503 }, 'the API refused GET /accounts (503'],
  ])('says what to do when %s, before it changes anything', async (_, fault, problem) => {
    account.server.faults.push(fault);
    await expect(deployIt()).rejects.toThrow(problem);
    expect(account.server.workers.size).toBe(0);
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
    expect(account.server.seen).toEqual([]);
  });

  it.each<[DeployChoice, string]>([
    [{ env: 'production' }, 'wrangler.toml has no environment production: --env is '],
    [{ model: 'nobody' }, 'neither a checkpoint nor a build of nobody'],
    [{ gradual: 10 }, '--gradual needs a version that is live'],
  ])('refuses %j', async (choice, problem) => {
    await expect(deployIt(choice)).rejects.toThrow(problem);
    expect(account.server.buckets.size).toBe(0);
  });

  it.each([
    ['was not measured', {}, `The quantization error of ${id} was not measured: npm run models -- measure ${id}`],
    ['lacks what the backend reads', { files: [] }, 'has no model.efm: convert and measure it with --backend both'],
  ])('refuses a build that %s', async (_, changed, problem) => {
    const built = await findBuild(id, revision);
    if (!built) throw new Error('the default model is not built');
    const manifest = { ...built.manifest, quantization: {}, ...changed };
    vi.mocked(findOrBuild).mockResolvedValueOnce({ ...built, manifest });
    await expect(deployIt()).rejects.toThrow(problem);
    expect(account.server.buckets.size).toBe(0);
  });

  it('says what to do where a build system has chosen another name', async () => {
    vi.stubEnv('WRANGLER_CI_OVERRIDE_NAME', 'my-masks');
    await expect(deployIt()).rejects.toThrow(
      'wrangler.toml names the worker edge-fill-mask: set name = "my-masks" there',
    );
    expect(account.server.seen).toEqual([]);
  });
});
