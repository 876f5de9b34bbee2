/** `npm run rollback`, `purge` and `keys`, which change what is live, and `deploy` between them: the order of events matters. */
import { afterEach, describe, expect, inject, it, vi } from 'vitest';

import { deploy } from '../../../models/account/deploy.ts';
import { addKeys, listKeys, revokeKeys, rotateKeys } from '../../../models/account/keys.ts';
import { purge } from '../../../models/account/purge.ts';
import { rollback, type RollbackChoice } from '../../../models/account/rollback.ts';
import { findTarget } from '../../../models/account/worker.ts';
import { findBuild } from '../../../models/bucket/built.ts';
import { push } from '../../../models/bucket/push.ts';
import { findOrBuild } from '../../../models/convert/find-or-build.ts';
import { ACCOUNT, TOKEN } from './account-server.ts';
import { answerWell, bindingOf, BUCKET, LIVE, NAME, useAccount } from './use-account.ts';

vi.mock(import('../../../models/convert/find-or-build.ts'), { spy: true });
vi.mock(import('../../../models/bucket/push.ts'), { spy: true });
vi.mock(import('../../../models/account/worker.ts'), { spy: true });
const { findTarget: originalFindTarget } = await vi.importActual<typeof import('../../../models/account/worker.ts')>(
  '../../../models/account/worker.ts',
);
afterEach(() => {
  for (const mocked of [findOrBuild, push, findTarget]) vi.mocked(mocked).mockReset();
});

const account = useAccount();
const { host, live, said, versions } = account;
const KEY = '0123456789abcdef';

const liveVersion = () => versions().find(({ id }) => id === live());
const secretOf = (name: string) => {
  const version = liveVersion();
  return version && bindingOf(version, name);
};
/** The code of a version: no two that were uploaded have the same. */
const codeOf = (id: string | undefined) =>
  new TextDecoder().decode(
    versions()
      .find((version) => version.id === id)
      ?.modules.get('index.js'),
  );
const goBack = (choice: RollbackChoice = {}) => rollback({ isConfirmed: true, ...choice }, host);
const shares = () => account.server.workers.get(NAME)?.deployments[0]?.versions ?? [];
/** The key that is shown. */
const keyOf = (words: string, name: string) => new RegExp(`  ${name}  (\\S+)`).exec(words)?.[1] ?? '';
const breakNew = () => account.answerWith(() => new Response('down', { status: 502 }));

async function deployTwice(): Promise<[string, string]> {
  await deploy({}, host);
  const first = live() ?? '';
  await deploy({}, host);
  return [first, live() ?? ''];
}

describe('npm run rollback', () => {
  it('says that there is nothing to go back to', async () => {
    await expect(goBack()).rejects.toThrow(`There is no worker ${NAME} in the account: npm run deploy`);
    const only = await account.withLiveVersion();
    await expect(goBack()).rejects.toThrow(`There is no version before ${only}`);
  });

  it('lists the versions, says what changes, and asks', async () => {
    const [first, second] = await deployTwice();
    await expect(rollback({}, host)).rejects.toThrow('Nobody can be asked here: add --yes. Nothing was changed.');
    const confirm = vi.fn<(question: string) => Promise<boolean>>(() => Promise.resolve(false));
    await expect(rollback({}, { ...host, confirm })).rejects.toThrow('Nothing was changed.');
    expect(confirm).toHaveBeenCalledWith(`Go back to version ${first}?`);
    expect(live()).toBe(second);
    expect(said.at(-1)).toBe(
      'Going back changes the code. All settings are the same.\nSecrets stay as they are now: CACHE_SECRET.',
    );
    expect(shares()).toEqual([{ version_id: second, percentage: 100 }]);
    expect(said.filter((line) => line === 'Making it live')).toHaveLength(2);
    const list = said.find((line) => line.startsWith('Versions, the newest first:')) ?? '';
    expect(list).toMatch(new RegExp(`^  ${second}  2026-01-01 00:00  \\S+@\\S+  live \\(100 %\\)$`, 'm'));
    expect(list).toMatch(new RegExp(`^  ${first}  2026-01-01 00:00  \\S+@\\S+$`, 'm'));
    await rollback({}, { ...host, confirm: () => Promise.resolve(true) });
    expect(codeOf(live())).toBe(codeOf(first));
  });

  it('says which model and which secrets differ', async () => {
    const modules = new Map([['index.js', new TextEncoder().encode('// old')]]);
    const secret = { name: 'API_KEY_GONE', type: 'secret_text', text: KEY };
    const model = { name: 'MODEL', type: 'plain_text', text: 'old@2' };
    const now = await account.withLiveVersion();
    const old = account.addVersion({ metadata: { bindings: [model, secret], main_module: 'index.js' }, modules });
    await expect(rollback({ version: old }, host)).rejects.toThrow(`Go back to version ${old}? Nobody can be asked`);
    expect(said.at(-1)).toBe(
      'Going back changes the code, and these settings:\n  MODEL: base@1 becomes old@2\nThere is no secret now.\n' +
        'That version had API_KEY_GONE, which was taken away since: it stays away.',
    );
    account.makeLive(old);
    await expect(rollback({ version: now }, host)).rejects.toThrow('Nothing was changed.');
    expect(said.at(-1)).toBe(
      'Going back changes the code, and these settings:\n  MODEL: old@2 becomes base@1\n' +
        'Secrets stay as they are now: API_KEY_GONE.\nThat version did not have API_KEY_GONE: it is put onto it.',
    );
  });

  it('lists the ten newest versions, and counts the others', async () => {
    const only = await account.withLiveVersion();
    const added = Array.from({ length: 9 }, () => account.addVersion());
    await expect(rollback({}, host)).rejects.toThrow(`There is no version before ${only}`);
    expect(said.at(-1)).not.toContain('older');
    added.push(account.addVersion(), account.addVersion());
    await expect(rollback({ version: '' }, host)).rejects.toThrow('Several versions begin with');
    const lines = said.at(-1)?.split('\n') ?? [];
    expect(lines.slice(1, -1).map((line) => line.trim().slice(0, 36))).toEqual(added.toReversed().slice(0, 10));
    expect(lines.at(-1)).toBe('  and 2 older ones');
  });

  it('goes to the code before a purge, and keeps the purge', async () => {
    const [first] = await deployTwice();
    await purge({}, host);
    const epoch = secretOf('CACHE_EPOCH');
    await goBack();
    expect(codeOf(live())).toBe(codeOf(first));
    expect(secretOf('CACHE_EPOCH')).toBe(epoch);
    expect(said.join('\n')).toContain('That version did not have CACHE_EPOCH: it is put onto it.');
  });

  it('goes further back the second time, and says so when there is nothing more', async () => {
    const [first, second] = await deployTwice();
    await deploy({}, host);
    await goBack();
    expect(codeOf(live())).toBe(codeOf(second));
    await goBack();
    expect(codeOf(live())).toBe(codeOf(first));
    await expect(goBack()).rejects.toThrow(`There is no version before ${live()}: nothing to go back to. Name one`);
    expect(codeOf(live())).toBe(codeOf(first));
  });

  it('skips a version that differs by a secret alone, as the dashboard makes it', async () => {
    const [first] = await deployTwice();
    await fetch(`${account.server.url}/accounts/${ACCOUNT}/workers/scripts/${NAME}/secrets`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify({ name: 'API_KEYS', text: KEY }),
    });
    vi.stubEnv('API_KEY', KEY);
    await goBack();
    expect(codeOf(live())).toBe(codeOf(first));
    expect(secretOf('API_KEYS')).toBe(KEY);
  });

  it('leaves a rotated and a revoked key out of what becomes live', async () => {
    await deploy({}, host);
    const first = live();
    const before = keyOf(await addKeys(['alice', 'bob'], {}, host), 'ALICE');
    await expect(deploy({}, host)).rejects.toThrow('asks for a key');
    vi.stubEnv('API_KEY', before);
    await deploy({}, host);
    const after = keyOf(await rotateKeys(['alice'], {}, host), 'ALICE');
    await revokeKeys(['bob'], {}, host);
    vi.stubEnv('API_KEY', after);
    await goBack();
    expect(codeOf(live())).toBe(codeOf(first));
    expect(secretOf('API_KEY_ALICE')).toBe(after);
    expect(secretOf('API_KEY_BOB')).toBeUndefined();
  });

  it('goes to a version by the beginning of its id, and refuses what it cannot find', async () => {
    const [first, second] = await deployTwice();
    await goBack({ version: first.slice(0, 8) });
    expect(codeOf(live())).toBe(codeOf(first));
    await expect(goBack({ version: 'ffffffffff' })).rejects.toThrow('The account has no version ffffffffff.');
    await expect(goBack({ version: live() })).rejects.toThrow('is live already');
    await goBack({ version: second });
    expect(codeOf(live())).toBe(codeOf(second));
  });

  it('gives the new version of a gradual deployment all requests, when it is named', async () => {
    await deploy({}, host);
    await deploy({ gradual: 10 }, host);
    const second = shares()[0]?.version_id ?? '';
    await goBack({ version: second.slice(0, 8) });
    expect(shares()).toEqual([{ version_id: second, percentage: 100 }]);
  });

  it('goes back from a version beside which another one has no requests', async () => {
    const [first, second] = await deployTwice();
    account.makeLive(second, { [second]: 100, [first]: 0 });
    await expect(rollback({}, host)).rejects.toThrow(`Go back to version ${first}? Nobody can be asked here`);
    await expect(goBack({ version: second })).rejects.toThrow('is live already');
  });

  it.each([10, 60])('ends a gradual deployment of %i percent', async (gradual) => {
    await deploy({}, host);
    const first = live();
    await deploy({ gradual }, host);
    await goBack();
    expect(shares()).toEqual([{ version_id: first, percentage: 100 }]);
  });

  it('stays with a version whose predecessor answers no more, or cannot be made live', async () => {
    const [, second] = await deployTwice();
    account.server.faults.push({ on: /^POST .*\/deployments$/, status: 400, after: 1, times: 1 });
    await expect(goBack()).rejects.toThrow(new RegExp(`deployments [^]*Live is version ${second} \\(100 %\\)`));
    breakNew();
    await expect(goBack()).rejects.toThrow(`GET /ready answers 502: down\n\nLive is version ${second} (100 %).`);
    expect(shares()).toEqual([{ version_id: second, percentage: 100 }]);
  });
});

describe('npm run purge', () => {
  it('makes a copy of the live version live with another CACHE_EPOCH', async () => {
    const before = await account.withLiveVersion();
    expect(await purge({}, host)).toContain(`${NAME} has forgotten`);
    expect(account.server.unknown).toEqual([]);
    expect(live()).not.toBe(before);
    expect(secretOf('CACHE_EPOCH')).toMatch(/^20\d\d-.*Z$/);
  });

  it('leaves the live version when the copy fails its test, and when it cannot be made', async () => {
    await expect(purge({}, host)).rejects.toThrow(`There is no worker ${NAME} in the account`);
    const before = await account.withLiveVersion();
    breakNew();
    await expect(purge({}, host)).rejects.toThrow(
      `GET /ready answers 502: down\n\nLive is version ${before} (100 %). Nothing is forgotten.`,
    );
    account.server.faults.push({ on: /^PATCH |^POST .*versions$/, status: 403 });
    await expect(purge({}, host)).rejects.toThrow(/Nothing is forgotten/);
    expect(live()).toBe(before);
  });
});

describe('npm run keys', () => {
  it('adds, rotates and revokes a key without the others, and shows it once', async () => {
    await deploy({}, host);
    await expect(listKeys({}, host)).resolves.toContain('has no keys: it answers anybody');
    const alice = keyOf(await addKeys(['alice'], {}, host), 'ALICE');
    // 256 bits.
    expect(alice).toMatch(/^[\w-]{43}$/);
    expect(secretOf('API_KEY_ALICE')).toBe(alice);
    const bob = keyOf(await addKeys(['bob-2'], {}, host), 'BOB_2');
    expect([secretOf('API_KEY_ALICE'), secretOf('API_KEY_BOB_2')]).toEqual([alice, bob]);
    const rotated = keyOf(await rotateKeys(['alice'], {}, host), 'ALICE');
    expect(rotated).not.toBe(alice);
    expect([secretOf('API_KEY_ALICE'), secretOf('API_KEY_BOB_2')]).toEqual([rotated, bob]);
    const listed = await listKeys({}, host);
    expect(listed).toMatch(/^ALICE {2}[0-9a-f]{16}\nBOB_2 {2}[0-9a-f]{16}$/);
    await revokeKeys(['alice'], {}, host);
    expect(secretOf('API_KEY_ALICE')).toBeUndefined();
    expect(secretOf('API_KEY_BOB_2')).toBe(bob);
    for (const text of [listed, ...said, JSON.stringify([...(account.server.buckets.get(BUCKET)?.keys() ?? [])])]) {
      for (const key of [alice, bob, rotated]) expect(text).not.toContain(key);
    }
  });

  it('refuses a name twice, one that is not there, one that cannot be, and the last key', async () => {
    await deploy({}, host);
    await addKeys(['alice'], {}, host);
    const now = live();
    await expect(addKeys(['Alice'], {}, host)).rejects.toThrow('There is a key ALICE already');
    await expect(rotateKeys(['bob'], {}, host)).rejects.toThrow('There is no key BOB: the keys are ALICE.');
    await expect(addKeys(['1st'], {}, host)).rejects.toThrow('"1st" is no name of a key');
    await expect(revokeKeys(['alice'], {}, host)).rejects.toThrow('No key would be left');
    expect(live()).toBe(now);
    expect(await revokeKeys(['alice'], { isOpenAllowed: true }, host)).toContain('answers anybody now');
    expect(secretOf('API_KEY_ALICE')).toBeUndefined();
  });

  it('changes both versions of a gradual deployment, which keep their shares', async () => {
    await deploy({}, host);
    const first = live();
    await deploy({ gradual: 10 }, host);
    const second = shares()[0]?.version_id;
    const key = keyOf(await addKeys(['alice'], {}, host), 'ALICE');
    const [a, b] = [...shares()].toSorted((one, other) => one.percentage - other.percentage);
    expect([a?.percentage, b?.percentage]).toEqual([10, 90]);
    expect([codeOf(a?.version_id), codeOf(b?.version_id)]).toEqual([codeOf(second), codeOf(first)]);
    for (const { version_id } of shares()) {
      const version = versions().find(({ id }) => id === version_id);
      expect(version && bindingOf(version, 'API_KEY_ALICE')).toBe(key);
    }
  });

  it('changes what is live, not the version that failed its test, nor the one that was rolled back by other means', async () => {
    await deploy({}, host);
    const first = live();
    account.answerWith((version) => new Response('', { status: version.id === first ? 200 : 502 }));
    await expect(deploy({}, host)).rejects.toThrow('GET /ready answers 502');
    account.answerWith(answerWell);
    await addKeys(['alice'], {}, host);
    expect(codeOf(live())).toBe(codeOf(first));
    expect(secretOf('API_KEY_ALICE')).toMatch(/^[\w-]{43}$/);
  });
});

describe('what nobody but the test reaches', () => {
  const OTHER = 'other@0123456789abcdef';

  it('is every version but the live one: no address of its own answers, before, during and after a deployment', async () => {
    expect(await deploy({ keys: [['API_KEY_ALICE', KEY]] }, host)).toContain('\nIt asks for a key.\n');
    vi.stubEnv('API_KEY', KEY);
    const during: number[] = [];
    account.answerWith(async (...asked) => {
      for (const { id } of versions()) during.push(await account.statusAtOwnAddress(id));
      return answerWell(...asked);
    });
    await deploy({}, host);
    await purge({}, host);
    await goBack({ version: versions()[0]?.id });
    expect(versions().length).toBeGreaterThan(3);
    for (const { id } of versions()) during.push(await account.statusAtOwnAddress(id));
    expect(new Set(during)).toEqual(new Set([404]));
    // A version that is not in the deployment is not selected by the header either.
    const [old] = versions();
    const headers = new Headers({ 'cloudflare-workers-version-overrides': `${NAME}="${old?.id}"` });
    expect(account.server.versionAt(new URL(LIVE).host, headers)?.id).toBe(live());
  });

  it('is the first version while it is tested, also where a draft was there before', async () => {
    await fetch(`${account.server.url}/accounts/${ACCOUNT}/workers/scripts/${NAME}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${TOKEN}` },
      body: draft(),
    });
    const [stub] = versions();
    account.answerWith((version, path, ...asked) =>
      version.id === stub?.id ? new Response('', { status: 500 }) : answerWell(version, path, ...asked),
    );
    await addKeys(['alice'], {}, host);
    const key = versions()
      .at(-1)
      ?.metadata.bindings.find(({ name }) => name === 'API_KEY_ALICE')?.text;
    vi.stubEnv('API_KEY', key);
    await deploy({}, host);
    expect(secretOf('API_KEY_ALICE')).toBe(key);
    for (const { id } of versions()) expect(await account.statusAtOwnAddress(id)).toBe(404);
  });

  it('has the secrets of what is live, and not those of a version that failed its test', async () => {
    await deploy({}, host);
    const first = live();
    account.answerWith((version, ...asked) =>
      version.id === first ? answerWell(version, ...asked) : new Response('', { status: 502 }),
    );
    await expect(deploy({ keys: [['API_KEY_ALICE', KEY]] }, host)).rejects.toThrow('GET /ready answers 502');
    account.answerWith(answerWell);
    await deploy({}, host);
    expect(live()).not.toBe(first);
    expect(secretOf('API_KEY_ALICE')).toBeUndefined();
    await deploy({ keys: [['API_KEY_ALICE', KEY]] }, host);
    expect(secretOf('API_KEY_ALICE')).toBe(KEY);
  });

  it('is the first version of a worker that has none, as the dashboard may make it', async () => {
    account.server.workers.set(NAME, { versions: [], deployments: [], enabled: false, previews_enabled: true });
    await expect(addKeys(['alice'], {}, host)).rejects.toThrow('has no version yet: npm run deploy -- --keys FILE');
    await deploy({}, host);
    expect(live()).toBe(versions()[0]?.id);
    expect(await account.statusAtOwnAddress(live() ?? '')).toBe(404);
  });

  it('is tested by a request that names it, and not by an answer of another version', async () => {
    await deploy({}, host);
    const first = live();
    // The header is not obeyed: as if it had not arrived everywhere yet.
    const ignored: typeof fetch = (input, init) => {
      const headers = new Headers(init?.headers);
      headers.delete('cloudflare-workers-version-overrides');
      return host.fetch(input, { ...init, headers });
    };
    await expect(deploy({}, { ...host, fetch: ignored })).rejects.toThrow(
      new RegExp(`GET /ready is answered by version ${first}, not by [^]*Live is version ${first} \\(100 %\\)`),
    );
    expect(shares()).toEqual([{ version_id: first, percentage: 100 }]);
  });

  it('is not made live where it would answer anybody, and the live one asks for a key', async () => {
    await deploy({ keys: [['API_KEY_ALICE', KEY]] }, host);
    vi.stubEnv('API_KEY', KEY);
    const before = live();
    account.answerWith((version, path, body, headers) =>
      answerWell(
        version,
        path,
        body,
        version.id === before ? headers : new Headers({ authorization: `Bearer ${KEY}` }),
      ),
    );
    await expect(deploy({}, host)).rejects.toThrow(/The live version asks for a key, and version .* answers anybody/);
    expect(live()).toBe(before);
    await deploy({ isOpenAllowed: true }, host);
    expect(live()).not.toBe(before);
  });

  it('is asked with a service token behind Cloudflare Access, and its login page is no answer', async () => {
    await account.withLiveVersion();
    const login = 'https://somebody.cloudflareaccess.com/cdn-cgi/access/login/x';
    account.answerWith((version, path, body, headers) =>
      headers.get('cf-access-client-id') === 'id' && headers.get('cf-access-client-secret') === 'secret'
        ? answerWell(version, path, body, headers)
        : new Response(null, { status: 302, headers: { location: login } }),
    );
    const before = live();
    await expect(deploy({}, host)).rejects.toThrow(
      /^\S+ is behind Cloudflare Access, which asks for a login: set CF_ACCESS_CLIENT_ID and CF_ACCESS_CLIENT_SECRET to a service token/,
    );
    vi.stubEnv('CF_ACCESS_CLIENT_ID', 'id');
    vi.stubEnv('CF_ACCESS_CLIENT_SECRET', 'other');
    await expect(deploy({}, host)).rejects.toThrow('does not accept the service token in CF_ACCESS_CLIENT_ID');
    expect(live()).toBe(before);
    vi.stubEnv('CF_ACCESS_CLIENT_SECRET', 'secret');
    await deploy({}, host);
    expect(live()).not.toBe(before);
  });

  it('does not become live when somebody else deploys meanwhile', async () => {
    await deploy({}, host);
    const theirs = account.addVersion();
    let asked = 0;
    account.answerWith((...all) => {
      asked++;
      if (asked === 6) account.makeLive(theirs);
      return answerWell(...all);
    });
    await expect(deploy({}, host)).rejects.toThrow(
      new RegExp(`Somebody else has deployed meanwhile[^]*Live is version ${theirs} \\(100 %\\)`),
    );
    expect(live()).toBe(theirs);
  });

  it('is every model of a deployment, and one that answers wrongly keeps it from becoming live', async () => {
    const real = { id: inject('built').id, revision: inject('built').revision };
    const built = await findBuild(real.id, real.revision);
    if (!built) throw new Error('the default model is not built');
    const [id = '', revision = ''] = OTHER.split('@');
    vi.mocked(findOrBuild).mockImplementation(async (name) =>
      name === OTHER ? { ...built, manifest: { ...built.manifest, id, revision } } : built,
    );
    vi.mocked(push).mockResolvedValue([]);
    vi.mocked(findTarget).mockImplementation(async (env, tools) => ({
      ...(await originalFindTarget(env, tools)),
      moreModels: [OTHER, `${real.id}@${real.revision}`],
    }));
    const paths: string[] = [];
    account.answerWith((version, path, ...asked) => {
      paths.push(path);
      return answerWell(version, path, ...asked);
    });
    await deploy({}, host);
    expect(vi.mocked(push).mock.calls.map(([{ manifest }]) => manifest.id)).toEqual([real.id, id]);
    expect(secretOf('MORE_MODELS')).toBe(OTHER);
    expect(new Set(paths)).toEqual(
      new Set(['', `/models/${OTHER}`].flatMap((at) => ['/ready', '/info', '/fill-mask'].map((path) => at + path))),
    );
    const before = live();
    account.answerWith((version, path, ...asked) =>
      path === `/models/${OTHER}/fill-mask` ? new Response('', { status: 502 }) : answerWell(version, path, ...asked),
    );
    await expect(deploy({}, host)).rejects.toThrow(`POST /models/${OTHER}/fill-mask answers 502`);
    expect(live()).toBe(before);
    account.answerWith(answerWell);
    await purge({}, host);
    expect(secretOf('MORE_MODELS')).toBe(OTHER);
  });
});

/** What `wrangler secret put` makes where there is no worker: it answers nothing, and nobody reaches it. */
function draft(): FormData {
  const form = new FormData();
  form.set('metadata', JSON.stringify({ main_module: 'index.js', bindings: [] }));
  form.set('index.js', new Blob(['export default { fetch() {} }']), 'index.js');
  return form;
}
