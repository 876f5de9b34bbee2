/** Ctrl-C at each step of a command: what is live stays live, nothing is left over, and the next run goes on. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { describe, expect, inject, it } from 'vitest';

import { deploy } from '../../../models/account/deploy.ts';
import { openAccountBucket } from '../../../models/account/bucket.ts';
import { addKeys } from '../../../models/account/keys.ts';
import { purge } from '../../../models/account/purge.ts';
import { rollback } from '../../../models/account/rollback.ts';
import { findTarget } from '../../../models/account/worker.ts';
import { ROOT } from '../../../models/account/wrangler.ts';
import { findBuild } from '../../../models/bucket/built.ts';
import { push } from '../../../models/bucket/push.ts';
import { answerWell, BUCKET, NAME, useAccount } from './use-account.ts';

const account = useAccount();
const { host, live, versions } = account;
const { id, revision } = inject('built');

/** Gives a command a terminal, where util-linux is there. */
const SCRIPT = '/usr/bin/script';
const shares = () => account.server.workers.get(NAME)?.deployments[0]?.versions ?? [];
/** Every object of the model, and the index. */
const COMPLETE = [
  'models/index.json',
  ...['manifest.json', 'model.efm', 'tokenizer.bin'].map((name) => `models/${id}/${revision}/${name}`),
];

interface Stoppable {
  readonly stop: AbortSignal;
}
const COMMANDS: Readonly<Record<string, (given: Stoppable) => Promise<unknown>>> = {
  deploy: (given) => deploy({}, { ...host, ...given }),
  'deploy --gradual': (given) => deploy({ gradual: 10 }, { ...host, ...given }),
  purge: (given) => purge({}, { ...host, ...given }),
  'keys add': (given) => addKeys([`key${versions().length}`], {}, { ...host, ...given }),
  rollback: (given) => rollback({ isConfirmed: true }, { ...host, ...given }),
};

/** Runs a command, and stops it while the account holds the request of this step. */
async function runStopped(run: (given: Stoppable) => Promise<unknown>, on: RegExp, after: number) {
  const stop = new AbortController();
  const reason = new Error('Stopped.');
  account.server.faults.push({ on, after, times: 1, meanwhile: () => stop.abort(reason) });
  const thrown = await run({ stop: stop.signal }).then(
    () => undefined,
    (error: unknown) => error as Error,
  );
  account.server.faults.length = 0;
  return { wasStopped: stop.signal.aborted, thrown };
}

describe('a stop', () => {
  it.each(Object.entries(COMMANDS))('of %s, at each request that changes something', async (_, run) => {
    await deploy({}, host);
    await deploy({}, host);
    let steps = 0;
    for (; ; steps++) {
      const before = shares();
      const { wasStopped, thrown } = await runStopped(run, /^(?:PUT|POST|PATCH) /, steps);
      if (!wasStopped) break;
      // The last request makes it live, or keeps the digests: nothing has to be taken back then.
      expect(thrown?.message ?? 'live').toMatch(/^Stopped\.\n\nLive is version |^live$/);
      expect(isDeepStrictEqual(shares(), before)).toBe(thrown !== undefined);
      for (const { id: version } of versions()) expect(await account.statusAtOwnAddress(version)).toBe(404);
    }
    // The run that nothing stopped.
    expect(steps).toBeGreaterThan(1);
    expect(shares().every(({ percentage }) => percentage > 0)).toBe(true);
    expect([...(account.server.buckets.get(BUCKET)?.keys() ?? [])]).toEqual(expect.arrayContaining(COMPLETE));
  });

  it('of a first deployment leaves no address open, and the next one goes live', async () => {
    for (let step = 0; ; step++) {
      const { wasStopped, thrown } = await runStopped(
        COMMANDS['deploy'] ?? (() => Promise.resolve()),
        /^(?:PUT|POST|PATCH) /,
        step,
      );
      if (!wasStopped) break;
      if (thrown === undefined) continue;
      expect(thrown.message).toMatch(/^Stopped\.(?:\n\n(?:Nothing is online|Live is version )|$)/);
      for (const { id: version } of versions()) expect(await account.statusAtOwnAddress(version)).toBe(404);
      if (live() !== undefined) break;
    }
    await deploy({}, host);
    expect(live()).toBe(versions().at(-1)?.id);
  });

  it('while the version is asked ends the test at once', async () => {
    await deploy({}, host);
    const before = shares();
    const stop = new AbortController();
    account.answerWith((version, ...asked) => {
      if (version.id === before[0]?.version_id) return answerWell(version, ...asked);
      stop.abort(new Error('Stopped.'));
      return new Response('not yet', { status: 503 });
    });
    const patient = { ...host, readyWithinMs: 60_000, pauseMs: 60_000, stop: stop.signal };
    await expect(deploy({}, patient)).rejects.toThrow(/^Stopped\.\n\nLive is version /);
    expect(shares()).toEqual(before);
  });

  it('of a push leaves what is complete, and the next one sends the rest', async () => {
    const built = await findBuild(id, revision);
    if (!built) throw new Error('the default model is not built');
    const pushIt = async ({ stop }: Stoppable) =>
      push(built, await openAccountBucket(await findTarget(undefined, { ...host, stop })), { weights: ['model.efm'] });
    for (let step = 0; ; step++) {
      const { wasStopped, thrown } = await runStopped(pushIt, /^(?:PUT|POST) /, 0);
      if (!wasStopped) break;
      expect(['Stopped.', undefined]).toContain(thrown?.message);
      expect(step).toBeLessThan(6);
    }
    expect([...(account.server.buckets.get(BUCKET)?.keys() ?? [])].toSorted()).toEqual(COMPLETE.toSorted());
  });
});

/** The fetch of a command: workers.dev is reached through this server. */
const through = (port: number) => `
  const { fetch: send } = globalThis;
  globalThis.fetch = (url, init = {}) =>
    new URL(url).host.endsWith('.workers.dev')
      ? send('http://127.0.0.1:${port}' + new URL(url).pathname, { ...init, headers: { ...init.headers, 'x-host': new URL(url).host } })
      : send(url, init);`;

async function serveWorkers() {
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { 'x-host': name, ...headers } = request.headers as Record<string, string>;
      const body = Buffer.concat(chunks).toString();
      const answer = await host.fetch(`https://${name}${request.url}`, {
        method: request.method ?? 'GET',
        headers,
        ...(body && { body }),
      });
      response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return { port: typeof address === 'object' && address ? address.port : 0, close: () => server.close() };
}

describe('Ctrl-C', () => {
  it('of the command itself ends wrangler, says what is live, and leaves no file', async () => {
    await deploy({}, host);
    const before = shares();
    const workers = await serveWorkers();
    const temporary = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
    const start = (): { child: ChildProcess; ended: Promise<unknown>; said: () => string } => {
      const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(through(workers.port))}`;
      const child = spawn(process.execPath, [join(ROOT, 'models/main.mjs'), 'keys', 'add', 'alice'], {
        cwd: ROOT,
        env: { ...process.env, TMPDIR: temporary, NODE_OPTIONS },
        detached: true,
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (said += data.toString()));
      return { child, ended: once(child, 'close').then(([code]: unknown[]) => code), said: () => said };
    };
    try {
      // wrangler has sent its request, and waits for the answer.
      const held = Promise.withResolvers<void>();
      account.server.faults.push({ on: /^PATCH /, times: 1, delayMs: 500, status: 500, meanwhile: held.resolve });
      const stopped = start();
      await Promise.race([held.promise, stopped.ended]);
      // As a terminal does: the whole group gets it.
      process.kill(-(stopped.child.pid ?? NaN), 'SIGINT');
      expect(await stopped.ended, stopped.said()).toBe(130);
      expect(stopped.said().trim()).toMatch(
        /Stopping, and taking back what was begun\. Once more ends it at once\.\nStopped\. Run the command again to go on\.\n\nLive is version \S+ \(100 %\)\. The keys are as before\.$/,
      );
      expect(() => process.kill(-(stopped.child.pid ?? NaN), 0)).toThrow('ESRCH');
      expect(shares()).toEqual(before);
      expect(await readdir(temporary)).toEqual([]);

      const again = start();
      expect(await again.ended, again.said()).toBe(0);
      expect(again.said()).toContain('  ALICE  ');
      expect(shares()).not.toEqual(before);
      expect(await readdir(temporary)).toEqual([]);
    } finally {
      workers.close();
      await rm(temporary, { recursive: true });
    }
  });
});

it.runIf(existsSync(SCRIPT))(
  'Ctrl-C at a question ends the command in words (skipped without util-linux)',
  async () => {
    // A terminal: while a question waits there, Ctrl-C is a key.
    const command = `'${process.execPath}' models/main.mjs deploy --keys -`;
    const child = spawn(SCRIPT, ['--quiet', '--return', '--command', command, '/dev/null'], { cwd: ROOT });
    let said = '';
    child.stdout.on('data', (data: Buffer) => {
      said += data.toString();
      if (said.includes('Names of the keys') && child.stdin.writable) child.stdin.end('\x03');
    });
    const [code] = (await once(child, 'close')) as unknown[];
    expect(said.replaceAll('\r', '')).toMatch(
      /Once more ends it at once\.\n+Stopped\. Run the command again to go on\.\n$/,
    );
    expect(code).toBe(130);
  },
);
