/** Versions whose settings differ from those of wrangler.toml: each is asked below its own BASE_PATH, and a rollback names what changes. */
import { afterEach, expect, it, vi } from 'vitest';

import { deploy } from '../../../models/account/deploy.ts';
import { addKeys } from '../../../models/account/keys.ts';
import { purge } from '../../../models/account/purge.ts';
import { rollback } from '../../../models/account/rollback.ts';
import { findTarget } from '../../../models/account/worker.ts';
import { answerWell, bindingOf, NAME, useAccount } from './use-account.ts';

vi.mock(import('../../../models/account/worker.ts'), { spy: true });
const { findTarget: originalFindTarget } = await vi.importActual<typeof import('../../../models/account/worker.ts')>(
  '../../../models/account/worker.ts',
);
afterEach(() => void vi.mocked(findTarget).mockReset());

const account = useAccount();
const { host, live, said, versions } = account;
const livePath = () => {
  const version = versions().find(({ id }) => id === live());
  return version && bindingOf(version, 'BASE_PATH');
};

/** As a worker with BASE_PATH answers. */
const answerBelowItsPath: typeof answerWell = (version, path, ...asked) => {
  const base = bindingOf(version, 'BASE_PATH') ?? '';
  return path.startsWith(`${base}/`)
    ? answerWell(version, path.slice(base.length), ...asked)
    : new Response('', { status: 404 });
};

function addVersion(
  variables: Readonly<Record<string, string>>,
  more: object[] = [],
  limits?: { cpu_ms: number },
): string {
  const texts = Object.entries(variables).map(([name, text]) => ({ name, type: 'plain_text', text }));
  const bindings = [...texts, ...more] as { name: string; type: string }[];
  const code = new TextEncoder().encode(`// ${versions().length}`);
  return account.addVersion({
    metadata: { main_module: 'index.js', bindings, ...(limits && { limits }) },
    modules: new Map([['index.js', code]]),
  });
}
const limiter = (limit: number) => ({ name: 'RATE_LIMITER', type: 'ratelimit', simple: { limit, period: 60 } });

async function withTwoVersions(): Promise<void> {
  account.answerWith(answerBelowItsPath);
  await account.withLiveVersion();
  account.makeLive(addVersion({ MODEL: 'a@1', BASE_PATH: '/masks' }, [limiter(60)], { cpu_ms: 1000 }));
  account.makeLive(addVersion({ MODEL: 'b@2', REQUEST_LOG: 'off' }, [limiter(30)], { cpu_ms: 2000 }));
}

const withRoute = (route: string) =>
  vi
    .mocked(findTarget)
    .mockImplementation(async (env, tools) => ({ ...(await originalFindTarget(env, tools)), routes: [route] }));

it('a rollback names each setting that changes back before it asks, and tests the version below its own BASE_PATH', async () => {
  await withTwoVersions();
  const confirm = vi.fn<(question: string) => Promise<boolean>>(() => {
    expect(said.find((line) => line.startsWith('Going back changes'))).toBe(
      `Going back changes the code, and these settings:
  MODEL: b@2 becomes a@1
  REQUEST_LOG: off becomes (not set)
  RATE_LIMITER: 30 in 60 s becomes 60 in 60 s
  limits.cpu_ms: 2000 becomes 1000
  BASE_PATH: (not set) becomes /masks
  Everything is answered below another path then: clients, routes and links have to follow.
There is no secret now.`,
    );
    return Promise.resolve(true);
  });
  await rollback({}, { ...host, confirm });
  expect(confirm).toHaveBeenCalledOnce();
  expect(livePath()).toBe('/masks');
  // Back to the version without one.
  await rollback({ version: versions()[2]?.id, isConfirmed: true }, host);
  expect(livePath()).toBeUndefined();
});

it('says so where only the code differs', async () => {
  await account.withLiveVersion();
  account.makeLive(account.addVersion());
  await rollback({ isConfirmed: true }, host);
  expect(said).toContain('Going back changes the code. All settings are the same.\nThere is no secret now.');
});

it('keys and purge test a copy below its own BASE_PATH, whatever wrangler.toml says by now', async () => {
  await withTwoVersions();
  await rollback({ isConfirmed: true }, host);
  await purge({}, host);
  await addKeys(['alice'], {}, host);
  expect(livePath()).toBe('/masks');
});

it('a live version that asks for a key is known to do so below its own BASE_PATH: an open one does not follow it', async () => {
  account.answerWith(answerBelowItsPath);
  await account.withLiveVersion();
  account.makeLive(
    addVersion({ MODEL: 'a@1', BASE_PATH: '/masks' }, [{ name: 'API_KEYS', type: 'secret_text', text: 'k' }]),
  );
  const before = live();
  // Another worker with the same name uploads no secret: as where a person has deleted it in the dashboard.
  addVersion({ MODEL: 'a@1' });
  account.answerWith((version, ...asked) =>
    version.id === before
      ? answerBelowItsPath(version, ...asked)
      : answerWell(
          {
            ...version,
            metadata: {
              ...version.metadata,
              bindings: version.metadata.bindings.filter(({ name }) => name !== 'API_KEYS'),
            },
          },
          ...asked,
        ),
  );
  await expect(deploy({}, host)).rejects.toThrow('The live version asks for a key, and version');
  expect(live()).toBe(before);
});

it('a version that no route would lead to does not become live', async () => {
  await withTwoVersions();
  const worker = account.server.workers.get(NAME);
  if (worker) worker.enabled = false;
  account.server.routed.set('example.com', NAME);
  withRoute('example.com/fill-*');
  account.answerWith((version, path, ...asked) =>
    path === '/health' ? new Response('') : answerBelowItsPath(version, path, ...asked),
  );
  const reached = () => account.server.versionAt('example.com')?.id;
  const before = reached();
  await expect(rollback({ isConfirmed: true }, host)).rejects.toThrow(
    /No route of wrangler\.toml leads to version \S+, whose BASE_PATH is "\/masks": add one, and npm run deploy[^]*Live is version/,
  );
  expect(reached()).toBe(before);
  withRoute('example.com/*');
  await rollback({ isConfirmed: true }, host);
  expect(reached()).not.toBe(before);
});
