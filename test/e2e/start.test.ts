/** `npm start` as a child process. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, inject, it } from 'vitest';

import { BUILDS } from '../../models/bucket/built.ts';
import { executablePath, launch } from '../page/launch.ts';
import { postJson } from '../post-json.ts';

const POLL_MS = 20;
const root = join(import.meta.dirname, '../..');

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/** Every process that was started with this in its environment, with its command line; none where it is not Linux. */
function processesWith(mark: string): { pid: number; command: string }[] {
  if (process.platform !== 'linux') return [];
  const found: { pid: number; command: string }[] = [];
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      if (!readFileSync(`/proc/${name}/environ`, 'utf8').includes(mark)) continue;
      found.push({ pid: Number(name), command: readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ') });
    } catch {
      // It has ended meanwhile.
    }
  }
  return found.filter(({ command }) => command !== '');
}

const findWrangler = (processes: ReturnType<typeof processesWith>) =>
  processes.find(({ command }) => command.includes('wrangler.js dev'));

function start(port: string, args: readonly string[] = [], environment = {}) {
  const mark = `START_TEST=${randomUUID()}`;
  const child = spawn(process.execPath, [join(root, 'models/main.mjs'), 'start', ...args], {
    cwd: root,
    env: { ...process.env, PORT: port, START_TEST: mark.split('=')[1], ...environment },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()));
  const ended = new Promise<number | string | null>((resolve) =>
    child.on('close', (code, signal) => resolve(signal ?? code)),
  );
  const printed = (line: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const found = line.exec(output);
        if (found) resolve(found[0]);
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      look();
      void ended.then((how) => reject(new Error(`ended with ${how} before it printed ${line}:\n${output}`)));
    });
  return { child, printed, said: () => output, ended, left: () => processesWith(mark) };
}

/** It ends by the signal, and so do wrangler, workerd and esbuild. */
async function expectEnd({ child, ended, left }: ReturnType<typeof start>, signal: NodeJS.Signals): Promise<void> {
  const parts = ['workerd', 'wrangler.js dev'];
  const found = parts.filter((part) => left().some(({ command }) => command.includes(part)));
  expect(found).toEqual(process.platform === 'linux' ? parts : []);
  child.kill(signal);
  expect(await ended).toBe(signal);
  expect(left()).toEqual([]);
}

/** Of every Node process: a name of another machine is not found, as without a network, and is printed. */
const OFFLINE = `
  import dns from 'node:dns';
  const { lookup } = dns;
  dns.lookup = (host, ...rest) => {
    if (/^(?:localhost|127\\.0\\.0\\.1|::1?|0\\.0\\.0\\.0)$/.test(host)) return lookup(host, ...rest);
    console.error('looked up', host);
    rest.at(-1)(Object.assign(new Error('offline'), { code: 'ENOTFOUND' }));
  };`;

/** Chooses the model on the page, and waits for its answer. */
async function useOnPage(url: string, id: string): Promise<void> {
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.goto(url);
    await page.getByLabel('Answers come from').selectOption(id);
    await page.locator('#model-facts').getByText(id).waitFor();
    await page.locator('#results:not(.stale) .candidate').first().waitFor();
  } finally {
    await browser.close();
  }
}

describe('npm start', () => {
  it('says the end of the log when wrangler does not start', async () => {
    const { said, ended, left } = start(String(await freePort()), [], { SIMD: 'foo' });
    expect(await ended).toBe(1);
    expect(said()).toContain('wrangler ended (status 1):\n\n');
    expect(left()).toEqual([]);
  });

  it.runIf(process.platform === 'linux')('takes wrangler with it when it is stopped before it serves', async () => {
    const { child, ended, left } = start(String(await freePort()));
    while (child.exitCode === null && !findWrangler(left())) await new Promise((later) => setTimeout(later, POLL_MS));
    child.kill('SIGTERM');
    expect(await ended).toBe('SIGTERM');
    expect(left()).toEqual([]);
  });

  it.runIf(process.platform === 'linux')('ends where wrangler can write nothing, with the remedy', async () => {
    const nowhere = { HOME: '/dev/null/home', XDG_CONFIG_HOME: '/dev/null/home' };
    const { said, ended, left } = start(String(await freePort()), [], nowhere);
    expect(await ended).toBe(1);
    expect(said()).toMatch(/^wrangler cannot write .*: set HOME or XDG_CONFIG_HOME to a folder/m);
    expect(left()).toEqual([]);
  });

  it('serves the default model at PORT without a network, and prints a curl line that works', async () => {
    const port = await freePort();
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(OFFLINE)}`;
    // Without what keeps wrangler offline in tests.
    const asked = { NODE_ENV: undefined, WRANGLER_SEND_METRICS: undefined, CLOUDFLARE_CF_FETCH_ENABLED: undefined };
    const { child, printed, said, ended, left } = start(String(port), [], { ...asked, NODE_OPTIONS });
    try {
      const curl = await printed(/curl .*/);
      expect(curl).toContain(`http://localhost:${port}/fill-mask`);
      const [, body = ''] = /-d '([^']+)'/.exec(curl) ?? [];
      const response = await postJson(`http://localhost:${port}/fill-mask`, body);
      expect(response.status).toBe(200);
      expect(await response.json()).toHaveLength(2);

      // What it does, where the log is, what to try and, last, the address; and another one is told at once that the port is taken.
      await printed(/\nhttp:.*\n$/);
      expect(said().trim().split('\n')).toEqual([
        expect.stringMatching(/^Building \S+@[0-9a-f]{16} where it is not built/),
        expect.stringMatching(/^Starting wrangler/),
        '',
        expect.stringMatching(/ is served\. The log is \.wrangler\/start\.log\./),
        '',
        `  ${curl}`,
        '',
        `http://localhost:${port}`,
      ]);
      const second = start(String(port));
      expect(await second.printed(/Port .*/)).toBe(
        `Port ${port} cannot be used (EADDRINUSE): PORT=${port + 1} npm start`,
      );
      expect(await second.ended).toBe(1);

      // It asked no other machine, and has no warning, error or stack trace in its log.
      const log = await readFile(join(root, '.wrangler/start.log'), 'utf8');
      expect(log).toContain('POST /fill-mask');
      expect(log).not.toMatch(/looked up|warn|error|update available|^ +at /im);

      // Where wrangler ends, it ends too, and says the end of the log.
      if (process.platform !== 'linux') return;
      process.kill(findWrangler(left())?.pid ?? NaN, 'SIGKILL');
      expect(await ended).toBe(1);
      expect(said()).toMatch(/wrangler ended \(SIGKILL\):\n\n[^]*./);
      expect(left()).toEqual([]);
    } finally {
      child.kill('SIGTERM');
      await ended;
    }
  });

  it('serves two models, which the list, their own routes and the picker of the page show', async () => {
    const { id: first, revision } = inject('built');
    const id = 'start-test';
    const parent = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
    const folder = join(parent, id);
    await cp(join(root, 'test/fixtures/families/albert'), folder, { recursive: true });
    const port = await freePort();
    const started = start(String(port), ['--model', `${first}@${revision}`, '--model', folder]);
    const { child, printed, ended } = started;
    try {
      await printed(/curl .*/);
      const url = `http://localhost:${port}`;
      const listed = (await (await fetch(`${url}/models`)).json()) as {
        path: string;
        default: boolean;
        info: object;
      }[];
      expect(listed).toMatchObject([
        { path: `/models/${first}`, default: true, info: { model: first } },
        { path: `/models/${id}`, default: false, info: { model: id } },
      ]);
      for (const { path } of listed) {
        const response = await postJson(`${url}${path}/fill-mask`, { inputs: 'The [MASK] barked.' });
        expect(response.status, path).toBe(200);
        expect(await response.json()).toHaveLength(5);
      }
      if (executablePath) await useOnPage(url, id);
      await expectEnd(started, 'SIGINT');
    } finally {
      child.kill('SIGTERM');
      await ended;
      await rm(parent, { recursive: true });
      await rm(join(BUILDS, id), { recursive: true, force: true });
    }
  });

  it.each(['http', '0', '70000'])('refuses PORT=%s with an example', async (port) => {
    const { printed, ended } = start(port);
    expect(await printed(/PORT is .*/)).toContain('PORT=3000 npm start');
    expect(await ended).toBe(2);
  });

  it.each([
    [['--model', 'nobody'], {}, /neither a checkpoint nor a build of nobody.*/],
    [[], { BACKEND: 'gpu' }, /BACKEND is "gpu": set it to engine or onnxruntime/],
  ])('says in one sentence what is wrong with %j %j', async (args, environment, problem) => {
    const { printed, said, ended } = start(String(await freePort()), args, environment);
    await printed(problem);
    expect(await ended).toBe(1);
    // The last line, and the only one but for what it was about to do.
    const lines = said().trim().split('\n');
    expect(lines.at(-1)).toMatch(problem);
    expect(lines.filter((line) => !line.startsWith('Building '))).toHaveLength(1);
  });
});
