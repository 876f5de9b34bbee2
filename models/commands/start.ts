/** npm start: puts a model into the local bucket and starts the worker in workerd. See USAGE. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join, relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';

import { BUILT_FILES } from '../build/quantization-error.ts';
import { noTexts, runScript } from './arguments.ts';
import { print, say } from './terminal.ts';
import { UsageError } from './usage-error.ts';

const USAGE = `npm start -- [options]

  --model ID       a model that is built, <id> or <id>@<revision>. It can be repeated: the first answers the plain routes, and
                   each has its own below /models/<id>. If not given, MODEL and MORE_MODELS of wrangler.toml or .dev.vars
  --verbose        show what wrangler says, instead of writing it to a log

PORT=3000 npm start takes another port than 8787. BACKEND=onnxruntime serves with onnxruntime-web, and SIMD=plain without
relaxed SIMD.`;

const DEFAULT_PORT = '8787';
const POLL_MS = 200;
const ROOT = join(import.meta.dirname, '../..');
const LOG = join(ROOT, '.wrangler/start.log');
/** Of the log, shown when wrangler ends. */
const LAST_LINES = 20;
/** How long wrangler may take to end after a signal. */
const MAX_END_MS = 5_000;
/** wrangler asks for neither updates, statistics nor the place of this machine: offline, each of them would be an error. */
const QUIET = { WRANGLER_SEND_METRICS: 'false', WRANGLER_HIDE_BANNER: 'true', CLOUDFLARE_CF_FETCH_ENABLED: 'false' };

const options = { model: { type: 'string', multiple: true }, verbose: { type: 'boolean' } } as const;

await runScript(USAGE, options, async ({ model: chosen = [], verbose = false }, texts) => {
  noTexts(texts);
  const port = process.env['PORT'] || DEFAULT_PORT;
  if (!/^\d+$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    throw new UsageError(`PORT is "${port}": give a number from 1 to 65535, as in PORT=3000 npm start`);
  }
  await requireFree(Number(port));
  Object.assign(process.env, QUIET);
  const { localBasePath, localModels, selectedBackend, selectedEnvironment } = await import('../bucket/deployed.ts');
  const { withLocalBucket } = await import('../bucket/local.ts');
  const { push } = await import('../bucket/push.ts');
  const { findOrBuild, requireWeights } = await import('../convert/find-or-build.ts');

  const wanted = chosen.length > 0 ? chosen : localModels();
  say(`Building ${wanted.join(' and ')} where it is not built, and putting it into the local bucket …`);
  const models: string[] = [];
  for (const one of wanted) {
    const built = await findOrBuild(one, say);
    requireWeights(built, BUILT_FILES[selectedBackend()][0]);
    await withLocalBucket((bucket) => push(built, bucket));
    models.push(`${built.manifest.id}@${built.manifest.revision}`);
  }

  say('Starting wrangler, which builds the worker and the page. The first time this takes some ten seconds …');
  const wrangler = await startWrangler(['--port', port, '--env', selectedEnvironment() ?? ''], models, verbose);
  const url = `http://localhost:${port}${localBasePath()}`;
  if (await answers(`${url}/health`, wrangler.ended)) {
    const log = verbose ? '' : ` The log is ${relative(ROOT, LOG)}.`;
    print(`
${models.join(' and ')} ${models.length === 1 ? 'is' : 'are'} served.${log} Try it, or open the address below in a browser:

  curl ${url}/fill-mask -H 'content-type: application/json' -d '{"inputs": "I love [MASK] because you are [MASK]."}'

${url}`);
  }
  const how = await wrangler.ended;
  const log = verbose ? '' : `:\n\n${await endOfLog()}`;
  throw new Error(`wrangler ended (${how})${log}`);
});

/** @throws saying how to choose another one when somebody listens there */
async function requireFree(port: number): Promise<void> {
  const server = createServer();
  try {
    server.listen(port);
    await once(server, 'listening');
  } catch (cause) {
    throw new Error(
      `Port ${port} cannot be used (${(cause as NodeJS.ErrnoException).code}): PORT=${port + 1} npm start`,
      {
        cause,
      },
    );
  } finally {
    server.close();
  }
}

interface Wrangler {
  /** Its exit status or its signal, in words. Nothing of it is left then. */
  readonly ended: Promise<string>;
}

async function startWrangler(
  which: readonly string[],
  [model, ...more]: readonly string[],
  verbose: boolean,
): Promise<Wrangler> {
  await mkdir(dirname(LOG), { recursive: true });
  const args = ['dev', ...which, '--show-interactive-dev-session=false'];
  // Whoever runs it may see the caches; wrangler prints a line for each request.
  const vars = ['--var', `MODEL:${model}`, `MORE_MODELS:${more.join(',')}`, 'CACHE_STATUS:all', 'REQUEST_LOG:off'];
  const log = await open(LOG, 'w');
  const child = spawn(process.execPath, [join(ROOT, 'node_modules/wrangler/bin/wrangler.js'), ...args, ...vars], {
    cwd: ROOT,
    // It writes its log itself, so that nothing of it is lost at its end.
    stdio: verbose ? ['ignore', 'inherit', 'inherit'] : ['ignore', log.fd, log.fd],
    // A group of its own, which ends as a whole: workerd and esbuild are in it.
    detached: true,
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void endBy(signal, child));
  process.on('exit', () => killGroup(child, 'SIGKILL'));
  await log.close();
  return { ended: untilEnd(child) };
}

async function untilEnd(child: ChildProcess): Promise<string> {
  const [code, signal] = await Promise.race([
    once(child, 'exit') as Promise<[number | null, string | null]>,
    once(child, 'error').then(([error]) => [(error as Error).message, null] as const),
  ]);
  killGroup(child, 'SIGKILL');
  return signal ?? (typeof code === 'number' ? `status ${code}` : `${code}`);
}

/** Ends wrangler, and then this process by the same signal, as whoever sent it expects. */
async function endBy(signal: NodeJS.Signals, child: ChildProcess): Promise<void> {
  const running = child.exitCode === null && child.signalCode === null;
  killGroup(child, 'SIGTERM');
  if (running) await Promise.race([once(child, 'exit'), pause(MAX_END_MS)]);
  killGroup(child, 'SIGKILL');
  process.kill(process.pid, signal);
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // None of it is left.
  }
}

async function endOfLog(): Promise<string> {
  const lines = stripVTControlCharacters(await readFile(LOG, 'utf8'))
    .trim()
    .split('\n');
  return lines.slice(-LAST_LINES).join('\n');
}

/** @returns whether the address answers, which it no longer can once `ended` is settled */
async function answers(address: string, ended: Promise<unknown>): Promise<boolean> {
  const gone = ended.then(() => true);
  for (;;) {
    const asked = fetch(address).then(
      ({ ok }) => ok,
      () => false,
    );
    if (await asked) return true;
    if (await Promise.race([gone, pause(POLL_MS, false)])) return false;
  }
}
