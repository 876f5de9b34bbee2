/** `npm start` as a child process. */
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, inject, it } from 'vitest';

import { BUILDS } from '../../models/bucket/built.ts';
import { executablePath, launch } from '../page/launch.ts';
import { postJson } from '../post-json.ts';

const root = join(import.meta.dirname, '../..');

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

function start(port: string, args: readonly string[] = [], environment = {}) {
  const child = spawn(process.execPath, [join(root, 'models/commands/start.ts'), ...args], {
    cwd: root,
    env: { ...process.env, PORT: port, ...environment },
  });
  let output = '';
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  const printed = (line: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = (data: Buffer) => {
        output += data.toString();
        const found = line.exec(output);
        if (found) resolve(found[0]);
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      void ended.then((code) => reject(new Error(`ended with ${code} before it printed ${line}:\n${output}`)));
    });
  return { child, printed, said: () => output, ended };
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

describe('npm start', () => {
  it('serves the default model at PORT without a network, and prints a curl line that works', async () => {
    const port = await freePort();
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(OFFLINE)}`;
    // Without what keeps wrangler offline in tests.
    const asked = { NODE_ENV: undefined, WRANGLER_SEND_METRICS: undefined, CLOUDFLARE_CF_FETCH_ENABLED: undefined };
    const { child, printed, said, ended } = start(String(port), [], { ...asked, NODE_OPTIONS });
    try {
      const curl = await printed(/curl .*/);
      expect(curl).toContain(`http://localhost:${port}/fill-mask`);
      const [, body = ''] = /-d '([^']+)'/.exec(curl) ?? [];
      const response = await postJson(`http://localhost:${port}/fill-mask`, body);
      expect(response.status).toBe(200);
      expect(await response.json()).toHaveLength(2);

      // Nothing but where it is, where the log is and what to try; and another one is told at once that the port is taken.
      expect(said().trim().split('\n').slice(1)).toEqual(['', `  ${curl}`]);
      const second = start(String(port));
      expect(await second.printed(/Port .*/)).toBe(
        `Port ${port} cannot be used (EADDRINUSE): PORT=${port + 1} npm start`,
      );
      expect(await second.ended).toBe(1);

      // It asked no other machine, and has no warning, error or stack trace in its log.
      const log = await readFile(join(root, '.wrangler/start.log'), 'utf8');
      expect(log).toContain('POST /fill-mask');
      expect(log).not.toMatch(/looked up|warn|error|update available|^ +at /im);
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
    const { child, printed, ended } = start(String(port), ['--model', `${first}@${revision}`, '--model', folder]);
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
      if (!executablePath) return;
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
    expect(said().trim()).not.toContain('\n');
  });
});
