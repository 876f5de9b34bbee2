/** npm start: puts a model into the local bucket and starts the worker in workerd. See USAGE. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

import { BUILT_FILES } from '../build/quantization-error.ts';
import { noTexts, runScript } from './arguments.ts';
import { print, say } from './terminal.ts';
import { UsageError } from './usage-error.ts';

const USAGE = `npm start -- [options]

  --model ID       a model that is built, <id> or <id>@<revision>; MODEL of wrangler.toml if not given. It can be repeated:
                   the first answers the plain routes, and each has its own below /models/<id>
  --verbose        show what wrangler says, instead of writing it to a log

PORT=3000 npm start takes another port than 8787. BACKEND=onnxruntime serves with onnxruntime-web, and SIMD=plain without
relaxed SIMD.`;

const DEFAULT_PORT = '8787';
const POLL_MS = 200;
const ROOT = join(import.meta.dirname, '../..');
const LOG = join(ROOT, '.wrangler/start.log');
/** Of the log, shown when wrangler ends before the worker answers. */
const LAST_LINES = 20;
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
  const { selectedBackend, selectedEnvironment, selectedModel } = await import('../bucket/deployed.ts');
  const { withLocalBucket } = await import('../bucket/local.ts');
  const { push } = await import('../bucket/push.ts');
  const { findOrBuild, requireWeights } = await import('../convert/find-or-build.ts');

  const selected = selectedModel();
  const models: string[] = [];
  for (const one of chosen.length > 0 ? chosen : [`${selected.id}@${selected.revision}`]) {
    const built = await findOrBuild(one, say);
    requireWeights(built, BUILT_FILES[selectedBackend()][0]);
    await withLocalBucket((bucket) => push(built, bucket));
    models.push(`${built.manifest.id}@${built.manifest.revision}`);
  }

  const wrangler = await startWrangler(['--port', port, '--env', selectedEnvironment() ?? ''], models, verbose);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => wrangler.kill(signal));
  const ended = once(wrangler, 'exit');
  const url = `http://localhost:${port}`;
  await Promise.race([answers(`${url}/health`), ended]);
  if (wrangler.exitCode !== null || wrangler.signalCode !== null) {
    const log = verbose ? '' : `:\n\n${await endOfLog()}`;
    if (wrangler.exitCode) throw new Error(`wrangler ended before the worker answered${log}`);
    return;
  }
  print(`
${models.join(' and ')} ${models.length === 1 ? 'is' : 'are'} served at ${url}. ${verbose ? '' : `The log is ${relative(ROOT, LOG)}. `}Open it in a browser, or try:

  curl ${url}/fill-mask -H 'content-type: application/json' -d '{"inputs": "I love [MASK] because you are [MASK]."}'
`);
  const [code] = (await ended) as [number | null];
  process.exitCode = code ?? 1;
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

async function startWrangler(
  which: readonly string[],
  [model, ...more]: readonly string[],
  verbose: boolean,
): Promise<ChildProcess> {
  await mkdir(dirname(LOG), { recursive: true });
  const args = ['dev', ...which, '--show-interactive-dev-session=false'];
  // Whoever runs it may see the caches; wrangler prints a line for each request.
  const vars = ['--var', `MODEL:${model}`, `MORE_MODELS:${more.join(',')}`, 'CACHE_STATUS:all', 'REQUEST_LOG:off'];
  const wrangler = spawn(process.execPath, [join(ROOT, 'node_modules/wrangler/bin/wrangler.js'), ...args, ...vars], {
    cwd: ROOT,
    stdio: verbose ? 'inherit' : ['ignore', 'pipe', 'pipe'],
  });
  if (verbose) return wrangler;
  const log = createWriteStream(LOG);
  wrangler.stdout?.pipe(log, { end: false });
  wrangler.stderr?.pipe(log, { end: false });
  return wrangler;
}

async function endOfLog(): Promise<string> {
  const lines = stripVTControlCharacters(await readFile(LOG, 'utf8'))
    .trim()
    .split('\n');
  return lines.slice(-LAST_LINES).join('\n');
}

async function answers(address: string): Promise<void> {
  const isUp = () =>
    fetch(address).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await isUp())) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
