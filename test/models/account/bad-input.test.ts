/** What stops a deployment half-way: what is live stays live, a sentence says what to do, and the next run goes on. */
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it, vi } from 'vitest';

import { deploy } from '../../../models/account/deploy.ts';
import { addKeys } from '../../../models/account/keys.ts';
import { purge } from '../../../models/account/purge.ts';
import { rollback } from '../../../models/account/rollback.ts';
import { BUCKET, LIVE, useAccount } from './use-account.ts';

/** The wrangler.toml that the commands read in this file: a copy, which a test may change. */
const config = vi.hoisted(() => ({ file: '' }));
vi.mock(import('wrangler'), async (importOriginal) => {
  const original = await importOriginal();
  return {
    ...original,
    unstable_readConfig: (args, ...more) =>
      original.unstable_readConfig(config.file ? { ...args, config: config.file } : args, ...more),
  };
});

const account = useAccount();
const { host, live, said, changes } = account;

async function withConfig(change: (toml: string) => string, run: () => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
  const file = join(folder, 'wrangler.toml');
  await copyFile(join(import.meta.dirname, '../../../wrangler.toml'), file);
  try {
    await writeFile(file, change(await readFile(file, 'utf8')));
    config.file = file;
    await run();
  } finally {
    config.file = '';
    await rm(folder, { recursive: true });
  }
}

describe('a command that is stopped at any step', () => {
  const commands = {
    deploy: () => deploy({}, host),
    purge: () => purge({}, host),
    keys: () => addKeys([`key${String(changes().length)}`], {}, host),
    rollback: () => rollback({ isConfirmed: true }, host),
  };

  it.each(Object.entries(commands))('%s leaves a version live, and goes on the next time', async (name, run) => {
    await deploy({}, host);
    await deploy({}, host);
    let stops = 0;
    for (let step = 0; ; step++) {
      const before = live();
      const stop = { on: /^(?:PUT|POST|PATCH) /, status: 500, after: step };
      account.server.faults.push(stop);
      const failed = await run().then(
        () => undefined,
        (error: Error) => error.message,
      );
      account.server.faults.length = 0;
      if (failed === undefined) break;
      stops++;
      expect(failed).toMatch(/Live is version|Nothing was changed/);
      // Making it live is one request: the version is the one of before, or the new one whose digests could not be kept.
      expect(live()).toBe(before);
    }
    expect(stops).toBeGreaterThan(name === 'rollback' ? 1 : 2);
    if (name === 'keys') return;
    account.server.faults.length = 0;
    await deploy({}, host);
  });
});

describe('wrangler.toml', () => {
  it('that is cut off is refused in words, before anything changes', async () => {
    await withConfig(
      (toml) => toml.slice(0, toml.indexOf('[vars]') + 40),
      async () => {
        await expect(deploy({}, host)).rejects.toThrow(/wrangler\.toml/);
      },
    );
    await withConfig(
      () => '',
      async () => {
        await expect(deploy({}, host)).rejects.toThrow('wrangler.toml has no name, or no bucket_name');
      },
    );
    await withConfig(
      (toml) => toml.replaceAll(/^MODEL = .*$/gm, ''),
      async () => {
        await expect(deploy({}, host)).rejects.toThrow('wrangler.toml has no MODEL among its variables');
      },
    );
    expect(account.server.seen).toEqual([]);
  });

  it('that has lost a rate limit of the live version is refused, unless it is meant', async () => {
    await deploy({}, host);
    const before = live();
    await withConfig(
      (toml) => toml.replace(/\[\[ratelimits\]\]\nname = "RATE_LIMITER"[^[]*/, ''),
      async () => {
        await expect(deploy({}, host)).rejects.toThrow(
          /no longer has RATE_LIMITER, which the live version has[^]*Live is version/,
        );
        expect(live()).toBe(before);
        await deploy({ isDropAllowed: true }, host);
      },
    );
    expect(live()).not.toBe(before);
  });

  it('with a jurisdiction puts the models and the digests into the bucket of it, and nothing elsewhere', async () => {
    await withConfig(
      (toml) => toml.replaceAll(/^bucket_name = .*$/gm, `bucket_name = "${BUCKET}"\njurisdiction = "eu"`),
      async () => {
        await deploy({}, host);
        await addKeys(['alice'], {}, host);
      },
    );
    expect([...account.server.buckets.keys()]).toEqual([`eu:${BUCKET}`]);
    expect([...(account.server.buckets.get(`eu:${BUCKET}`)?.keys() ?? [])].some((key) => key.startsWith('keys/'))).toBe(
      true,
    );
  });

  it.each([
    ['route = "example.com/*"', 'Online at https://example.com and https://'],
    ['routes = ["*.example.com/*"]', 'The route *.example.com/* has many hosts'],
    ['route = "example.com/masks/*"', 'does not lead to /fill-mask'],
  ])('with %s prints where the worker answers', async (line, words) => {
    await withConfig(
      (toml) => toml.replace('preview_urls = false', `preview_urls = false\n${line}`),
      async () => {
        const printed = await deploy({}, host);
        expect(printed).toContain(words);
        expect(printed).toContain(
          line.includes('"example.com/*"') ? 'curl https://example.com/fill-mask' : `curl ${LIVE}/`,
        );
      },
    );
  });

  it('without any address says so, and the version is tested all the same', async () => {
    await withConfig(
      (toml) => toml.replace('workers_dev = true', 'workers_dev = false'),
      async () => {
        expect(await deploy({}, host)).toContain('No address leads to the worker but service bindings');
        await deploy({}, host);
      },
    );
  });

  it('with a route alone is tested by that route', async () => {
    account.server.routed.set('example.com', 'edge-fill-mask');
    await withConfig(
      (toml) => toml.replace('workers_dev = true', 'workers_dev = false\nroute = "example.com/*"'),
      async () => {
        await deploy({}, host);
        await deploy({}, host);
      },
    );
    expect(said.findLast((line) => line.startsWith('Testing'))).toMatch(/at https:\/\/example\.com, with 0 %/);
  });
});

describe('the account', () => {
  it('that is busy is waited for as long as it asks, with a line that says so', async () => {
    await account.withLiveVersion();
    const waited: number[] = [];
    const sleep = (ms: number) => Promise.resolve(void waited.push(ms));
    account.server.faults.push({ on: /^GET \/r2/, status: 429, times: 1, headers: { 'retry-after': '287' } });
    await deploy({}, { ...host, sleep });
    expect(waited).toEqual([287_000]);
    expect(said).toContain('The API of the account is busy: waiting 287 s, as it asks for');
  });
});
