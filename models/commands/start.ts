/** npm start: puts the default model into the local bucket and starts the worker in workerd. PORT selects its port. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

import { findBuild } from '../bucket/built.ts';
import { withLocalBucket } from '../bucket/local.ts';
import { push } from '../bucket/push.ts';
import { convert } from '../build/convert.ts';
import { selectedEnvironment, selectedModel } from '../bucket/deployed.ts';
import { print, say } from './terminal.ts';

const DEFAULT_PORT = '8787';
const POLL_MS = 200;

const port = process.env['PORT'] || DEFAULT_PORT;
if (!/^\d+$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
  say(`PORT is "${port}": give a number from 1 to 65535, as in PORT=3000 npm start`);
  process.exit(2);
}

const { id, revision } = selectedModel();
const environment = selectedEnvironment();
const built = (await findBuild(id, revision)) ?? (await convert(id, { say: print }));
const { revision: found } = built.manifest;
if (found !== revision) {
  say(`models/${id} builds to ${found}, and wrangler.toml selects ${revision}: set MODEL to ${id}@${found}`);
  process.exit(1);
}
const written = await withLocalBucket((bucket) => push(built, bucket));
print(
  written.length > 0 ? `Put ${id}@${revision} into the local bucket.` : `Found ${id}@${revision} in the local bucket.`,
);

const root = join(import.meta.dirname, '../..');
const wrangler = spawn(
  process.execPath,
  [
    join(root, 'node_modules/wrangler/bin/wrangler.js'),
    'dev',
    '--port',
    port,
    '--show-interactive-dev-session=false',
    // Whoever runs it may see the caches; wrangler prints a line for each request.
    '--var',
    'CACHE_STATUS:all',
    'REQUEST_LOG:off',
  ].concat(environment ? ['--env', environment] : []),
  { cwd: root, stdio: 'inherit', env: { ...process.env, WRANGLER_SEND_METRICS: 'false' } },
);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => wrangler.kill(signal));
wrangler.on('exit', (code) => process.exit(code ?? 1));

const url = `http://localhost:${port}`;
while (!(await answers(`${url}/health`))) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
print(`
Listening on ${url}. Open it in a browser, or try:

  curl ${url}/fill-mask -H 'content-type: application/json' -d '{"inputs": "I love [MASK] because you are [MASK]."}'
`);

async function answers(address: string): Promise<boolean> {
  try {
    return (await fetch(address)).ok;
  } catch {
    return false; // Not listening yet.
  }
}
