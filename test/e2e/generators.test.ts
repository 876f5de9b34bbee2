/** What others make of /openapi.json: a linter, and two generators whose clients call the deployed worker. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { postJson } from '../post-json.ts';
import { useWorker } from './use-worker.ts';

const PYTHON = process.env['CLIENTS_PYTHON'];
const ROOT = join(import.meta.dirname, '../..');
const TOOLS = join(import.meta.dirname, 'generators');
const areThere = existsSync(join(TOOLS, 'node_modules'));
const skipped = areThere ? '' : ' (skipped unless `npm ci --prefix test/e2e/generators` was run)';
const ONE = 'Paris is the [MASK] of France.';
const PARAMETERS = { top_k: 2, return_offsets: true };

const worker = useWorker();
/** Within the repository, so that generated code finds valibot. */
let folder: string;
let document: string;
beforeAll(async () => {
  await mkdir(join(ROOT, '.wrangler'), { recursive: true });
  folder = await mkdtemp(join(ROOT, '.wrangler/generated-'));
  document = join(folder, 'openapi.json');
  await writeFile(document, await (await fetch(new URL('/openapi.json', worker.url))).text());
});
afterAll(() => rm(folder, { recursive: true }));

async function run(command: string, ...given: string[]): Promise<string> {
  // openapi-python-client calls ruff, which is beside Python.
  const PATH = [dirname(PYTHON ?? ''), process.env['PATH']].join(delimiter);
  const { stdout } = await promisify(execFile)(command, given, { cwd: folder, env: { ...process.env, PATH } });
  return stdout;
}

async function askWorker(inputs: unknown): Promise<unknown> {
  return (await postJson(new URL('/fill-mask', worker.url), { inputs, parameters: PARAMETERS })).json();
}

describe.skipIf(!areThere)(`in Node${skipped}`, () => {
  it('Spectral finds no error', async () => {
    const found = JSON.parse(await run(process.execPath, join(TOOLS, 'lint.mjs'), document)) as string[][];
    // Whom to ask is the owner of a deployment.
    expect(found.filter(([rule]) => rule !== 'info-contact')).toEqual([]);
  });

  it('@hey-api/openapi-ts makes a client that types and validates what the worker answers', async () => {
    const code = join(folder, 'typescript');
    await run(process.execPath, join(TOOLS, 'generate.mjs'), document, code);
    const script = join(folder, 'client.mjs');
    await build({
      entryPoints: [join(code, 'index.ts')],
      outfile: script,
      bundle: true,
      format: 'esm',
      platform: 'node',
      logLevel: 'silent',
    });
    interface Answer {
      readonly data?: unknown;
      readonly error?: unknown;
      readonly response: Response;
    }
    type Call = (options?: object) => Promise<Answer>;
    const client = (await import(pathToFileURL(script).href)) as Record<string, Call>;
    const call = async (name: string, options: object = {}): Promise<Answer> => {
      const generated = client[name];
      if (!generated) throw new Error(`there is no ${name}`);
      return generated({ baseUrl: worker.url.origin, ...options });
    };

    const filled = await call('fillMask', { body: { inputs: ONE, parameters: PARAMETERS } });
    expect(filled).toMatchObject({ data: await askWorker(ONE) });
    const query = { inputs: [ONE], top_k: 2 };
    const first = await call('fillMaskByQuery', { query });
    const headers = { 'If-None-Match': first.response.headers.get('etag') };
    expect((await call('fillMaskByQuery', { query, headers })).response.status).toBe(304);
    for (const name of ['tokenize', 'score']) {
      expect((await call(name, { body: { inputs: 'A dog.' } })).error, name).toBeUndefined();
    }
    for (const name of ['info', 'models', 'health', 'ready', 'metrics', 'page']) {
      expect((await call(name)).error, name).toBeUndefined();
    }
    expect(await call('fillMask', { body: { inputs: 'No mask.' } })).toMatchObject({
      error: { error_type: 'no_mask' },
    });
    // The code is valid, and has each error by its name.
    await writeFile(
      join(folder, 'use.ts'),
      `import { fillMask, type ErrorType, type Offsets } from './typescript';
       const { data, error } = await fillMask({ body: { inputs: 'a' } });
       export const type: ErrorType | undefined = error && 'error_type' in error ? error.error_type : undefined;
       export const known: ErrorType = 'rate_limited';
       // @ts-expect-error: there is no such error.
       export const unknown: ErrorType = 'no_such_error';
       export const pair: Offsets['utf16'] = [0, 1];
       export default data;`,
    );
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'preserve'];
    await run(join(ROOT, 'node_modules/.bin/tsc'), ...options, join(folder, 'use.ts')).catch(
      (error: { stdout: string }) => {
        throw new Error(error.stdout);
      },
    );
  });
});

it.skipIf(!PYTHON)(
  'openapi-python-client makes a client of all of it (skipped unless CLIENTS_PYTHON names a Python with requirements.txt)',
  async () => {
    const generator = join(dirname(PYTHON ?? ''), 'openapi-python-client');
    const given = ['--path', document, '--meta', 'none', '--output-path', join(folder, 'client'), '--fail-on-warning'];
    await run(generator, 'generate', ...given);
    const script = `
import json
from client import Client
from client.api.masks import fill_mask
from client.api.service import info, metrics
from client.api.texts import tokenize
from client.models import ErrorType, FillMaskParameters, FillMaskRequest, TokenizeRequest
client = Client(base_url=${JSON.stringify(worker.url.origin)})
parameters = FillMaskParameters(top_k=2, return_offsets=True)
filled = fill_mask.sync(client=client, body=FillMaskRequest(inputs=${JSON.stringify(ONE)}, parameters=parameters))
refused = fill_mask.sync_detailed(client=client, body=FillMaskRequest(inputs="No mask."))
assert refused.parsed.error_type == ErrorType.NO_MASK and refused.status_code == 422
tokens = tokenize.sync(client=client, body=TokenizeRequest(inputs="A dog.")).tokens
assert tokens[1].offsets.utf16 == [0, 1]
assert metrics.sync_detailed(client=client).status_code == 200
print(json.dumps({"filled": [one.to_dict() for one in filled], "model": info.sync(client=client).model}))`;
    const { filled, model } = JSON.parse(await run(PYTHON ?? '', '-c', script)) as Record<string, unknown>;
    expect(filled).toEqual(await askWorker(ONE));
    expect(model).toBe('albert-edge');
  },
);
