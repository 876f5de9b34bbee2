/** Unmodified clients against the deployed worker. */
import { execFile, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { InferenceClient } from '@huggingface/inference';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { postJson } from '../post-json.ts';
import { useWorker } from './use-worker.ts';

const ROOT = join(import.meta.dirname, '../..');
const PYTHON = process.env['CLIENTS_PYTHON'];
const ONE = 'Paris is the [MASK] of France.';
const TWO = 'I love [MASK] because you are [MASK].';

const worker = useWorker();

async function ask(inputs: unknown, parameters: object = {}): Promise<unknown> {
  const response = await postJson(new URL('/fill-mask', worker.url), { inputs, parameters });
  return response.json();
}

async function python(script: string, url = worker.url): Promise<unknown> {
  const head = `import json, sys\nfrom huggingface_hub import InferenceClient\nurl = ${JSON.stringify(url.href)}\n`;
  const { stdout } = await promisify(execFile)(PYTHON ?? '', ['-c', head + script]);
  // The client's type has two spellings of one field, and leaves one of them empty.
  return JSON.parse(stdout, (_, value: unknown) => value ?? undefined) as unknown;
}

async function run(...given: string[]): Promise<{ code: number; said: string }> {
  return runWith({}, ...given);
}

async function runWith(environment: object, ...given: string[]): Promise<{ code: number; said: string }> {
  const child = spawn(process.execPath, [join(ROOT, 'models/main.mjs'), 'ask', ...given], {
    env: { ...process.env, API_KEY: '', ...environment },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (said += data.toString()));
  const code = await new Promise<number>((resolve) => child.on('close', (ended) => resolve(ended ?? -1)));
  return { code, said };
}
const there = () => ['--url', worker.url.href];

describe('@huggingface/inference', () => {
  it.each(['/', '/fill-mask'])('fills a mask at %s', async (path) => {
    const client = new InferenceClient();
    const endpointUrl = new URL(path, worker.url).href;
    expect(await client.fillMask({ endpointUrl, inputs: ONE })).toEqual(await ask(ONE));
    const parameters = { top_k: 2, targets: ['capital', 'new york'] };
    expect(await client.fillMask({ endpointUrl, inputs: ONE, parameters })).toEqual(await ask(ONE, parameters));
  });

  it('accepts a token, which is ignored', async () => {
    const client = new InferenceClient('hf_anything');
    expect(await client.fillMask({ endpointUrl: worker.url.href, inputs: ONE })).toEqual(await ask(ONE));
  });

  it('returns joint combinations, which its types do not describe', async () => {
    const parameters = { strategy: 'joint', top_k: 3 };
    const endpointUrl = worker.url.href;
    const found = await new InferenceClient().fillMask({ endpointUrl, inputs: TWO, parameters });
    expect(found).toEqual(await ask(TWO, parameters));
    expect(found).toHaveLength(3);
  });

  it('shows our error message', async () => {
    const asking = new InferenceClient().fillMask({ endpointUrl: worker.url.href, inputs: 'No mask.' });
    await expect(asking).rejects.toThrow('inputs has no mask. Put [MASK] where a word is missing.');
  });
});

describe("README's call of @huggingface/inference", () => {
  const ADDRESS = 'http://localhost:8787';

  async function call(url: string): Promise<{ stdout: string; stderr: string }> {
    const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
    const [, code = ''] = /```js\n(import \{ InferenceClient \}[^`]*)```/.exec(readme) ?? [];
    expect(code).toContain(ADDRESS);
    const script = `${code.replaceAll(ADDRESS, url)}console.log(JSON.stringify(candidates));`;
    return promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd: ROOT });
  }

  it('is answered', async () => {
    expect(JSON.parse((await call(worker.url.origin)).stdout)).toEqual(await ask(ONE, { top_k: 3 }));
  });

  it('ends after one request where the platform answers 503, and says so', async () => {
    let seen = 0;
    // As for the error 1102. A call that goes on is ended by another status.
    const platform = createServer((_, response) => {
      seen++;
      response
        .writeHead(seen > 20 ? 400 : 503, { 'content-type': 'text/plain; charset=UTF-8' })
        .end('error code: 1102');
    });
    await new Promise<void>((resolve) => platform.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = platform.address() as AddressInfo;
      await expect(call(`http://127.0.0.1:${port}`)).rejects.toMatchObject({
        stderr: expect.stringContaining('error code: 1102'),
      });
      expect(seen).toBe(1);
    } finally {
      platform.close();
    }
  });
});

describe.skipIf(!PYTHON)('huggingface_hub (skipped unless CLIENTS_PYTHON names a Python with requirements.txt)', () => {
  it('fills a mask', async () => {
    const script = `print(json.dumps(InferenceClient().fill_mask(${JSON.stringify(ONE)}, model=url)))`;
    expect(await python(script)).toEqual(await ask(ONE));
  });

  it('passes on targets and top_k', async () => {
    const script = `print(json.dumps(InferenceClient().fill_mask(${JSON.stringify(ONE)}, model=url, targets=["capital", "new york"], top_k=1)))`;
    expect(await python(script)).toEqual(await ask(ONE, { targets: ['capital', 'new york'], top_k: 1 }));
  });

  it('accepts several masks', async () => {
    const script = `print(json.dumps(InferenceClient(model=url).fill_mask(${JSON.stringify(TWO)})))`;
    expect(await python(script)).toEqual(await ask(TWO));
  });

  it('shows our error message', async () => {
    const script = `
try:
    InferenceClient(model=url).fill_mask("No mask.")
except Exception as error:
    print(json.dumps(str(error)))`;
    expect(await python(script)).toContain('inputs has no mask. Put [MASK] where a word is missing.');
  });
});

describe('a second model, by its URL,', () => {
  const { id, revision } = inject('built');
  // The first one is missing from the bucket, so that only the second can answer.
  const several = useWorker({ vars: { MODEL: 'first@0123456789abcdef', MORE_MODELS: `${id}@${revision}` } });
  const second = () => new URL(`/models/${id}`, several.url);

  it.each(['', '/', '/fill-mask'])('answers @huggingface/inference at /models/<id>%s', async (path) => {
    const endpointUrl = second().href + path;
    expect(await new InferenceClient().fillMask({ endpointUrl, inputs: ONE })).toEqual(await ask(ONE));
  });

  it.skipIf(!PYTHON)('answers huggingface_hub', async () => {
    const script = `print(json.dumps(InferenceClient().fill_mask(${JSON.stringify(ONE)}, model=url)))`;
    expect(await python(script, second())).toEqual(await ask(ONE));
  });

  it('is not the model of other URLs, which say what is wrong', async () => {
    const client = new InferenceClient();
    await expect(client.fillMask({ endpointUrl: several.url.href, inputs: ONE })).rejects.toThrow(
      'models/first/0123456789abcdef/manifest.json',
    );
    await expect(client.fillMask({ endpointUrl: `${several.url.href}models/nobody`, inputs: ONE })).rejects.toThrow(
      'The model "nobody" is not served here.',
    );
  });
});

describe('npm run ask', () => {
  it('prints the candidates as a table with bars', async () => {
    const { code, said } = await run(ONE, ...there());
    expect(code).toBe(0);
    const [text, blank, ...rows] = said.trimEnd().split('\n');
    expect([text, blank]).toEqual([ONE, '']);
    const candidates = (await ask(ONE)) as { token_str: string; score: number }[];
    expect(rows).toHaveLength(candidates.length);
    for (const [i, { token_str, score }] of candidates.entries()) {
      expect(rows[i]).toMatch(new RegExp(`^ +${i + 1}  ${token_str} *  [█▉▊▋▌▍▎▏]+ *  [0-9.]+ %$`));
      expect(Number(/([0-9.]+) %$/.exec(rows[i] ?? '')?.[1])).toBeCloseTo(100 * score, 1);
    }
    const bars = rows.map((row) => (row.match(/[█▉▊▋▌▍▎▏]/g) ?? []).length);
    expect(bars).toEqual(bars.toSorted((a, b) => b - a));
    expect(bars[0]).toBe(30);
  });

  it('prints a table for each mask, or the combinations', async () => {
    const { said } = await run(TWO, '--top-k', '2', ...there());
    expect(said).toMatch(/mask 1 of 2\n +1 .*\n +2 .*\n\nmask 2 of 2\n +1 .*\n +2 .*\n$/);
    const joint = await run(TWO, '--joint', '--top-k', '2', ...there());
    expect(joint.said).toMatch(/\n\n +1 {2}\S+ … \S+ .*%\n +2 {2}\S+ … \S+ .*%\n$/);
  });

  it('passes on targets', async () => {
    const { said } = await run(ONE, '--targets', 'capital, new york', ...there());
    expect(said).toMatch(/\bcapital\b/);
    expect(said).toMatch(/\bnew york\b/);
  });

  it.each([
    [[], /npm run ask[^]*which text\?\n$/],
    [['Paris', 'is'], /more than one text: put it in quotes/],
    [[ONE, '--top-k', 'many'], /--top-k is a number, not "many"/],
    [[ONE, '--url', 'nowhere'], /--url is an address such as/],
    [[ONE, '--url', 'example.com:8787'], /--url is an address such as .*, not "example\.com:8787"/],
    [[ONE, '--url', 'https://me:secret@example.com'], /set API_KEY to a key instead/],
    [[ONE, '--beam', '3'], /--beam/],
  ])('refuses %j with its usage', async (given, sentence) => {
    const { code, said } = await run(...given);
    expect(code).toBe(2);
    expect(said).toMatch(sentence);
    expect(said).toContain('--targets A,B');
  });

  it('prints the error of the worker', async () => {
    const { code, said } = await run('No mask.', ...there());
    expect({ code, said }).toEqual({
      code: 1,
      said: 'inputs has no mask. Put [MASK] where a word is missing.\n',
    });
  });

  it.each(['____', '…', '...'])('takes %s for a mask, as the page does', async (mask) => {
    const { said } = await run(ONE.replace('[MASK]', mask), ...there());
    expect(said).toBe((await run(ONE, ...there())).said);
  });

  it('reports that nothing answers', async () => {
    const { code, said } = await run(ONE, '--url', 'http://127.0.0.1:9');
    expect(code).toBe(1);
    expect(said).toMatch(/^Nothing answers at http:\/\/127\.0\.0\.1:9\/fill-mask .*: start a worker with npm start/);
  });

  describe('at another server', () => {
    const CANDIDATES = JSON.stringify([{ score: 1, token: 5, token_str: 'yes', sequence: 'yes' }]);
    type Reply = readonly [status: number, headers: Record<string, string>, body: string];
    let reply: Reply;
    const seen: { url: string | undefined; authorization: string | undefined; body: string }[] = [];
    const server: Server = createServer((request, response) => {
      let body = '';
      request.on('data', (data: Buffer) => (body += data.toString()));
      request.on('end', () => {
        seen.push({ url: request.url, authorization: request.headers.authorization, body });
        const [status, headers, text] = reply;
        response.writeHead(status, headers).end(text);
      });
    });
    let host: string;
    beforeAll(async () => {
      await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
      host = `localhost:${(server.address() as AddressInfo).port}`;
    });
    afterAll(() => server.close());
    const asked = async (replied: Reply, path = '', environment: object = {}) => {
      reply = replied;
      seen.length = 0;
      return runWith(environment, ONE, '--url', `${host}${path}`);
    };

    it.each([
      ['', '/fill-mask'],
      ['/', '/fill-mask'],
      ['/fill-mask', '/fill-mask'],
      ['/models/x', '/models/x/fill-mask'],
      ['/masks/', '/masks/fill-mask'],
      ['/masks/models/x/fill-mask?a=b#c', '/masks/models/x/fill-mask'],
    ])('keeps the path %j of --url, and needs no scheme on this machine', async (path, url) => {
      const { code, said } = await asked([200, { 'content-type': 'application/json' }, CANDIDATES], path);
      expect({ code, said }).toMatchObject({ code: 0, said: expect.stringContaining('yes') });
      expect(seen).toMatchObject([{ url, body: JSON.stringify({ inputs: ONE, parameters: {} }) }]);
    });

    it('sends API_KEY, if there is one', async () => {
      await asked([200, {}, CANDIDATES], '', { API_KEY: 'sixteen-or-more-characters' });
      await runWith({}, ONE, '--url', host);
      expect(seen.map(({ authorization }) => authorization)).toEqual(['Bearer sixteen-or-more-characters', undefined]);
    });

    it.each([
      [
        [502, { 'content-type': 'text/html; charset=utf-8' }, '<html>Bad gateway</html>'],
        'answered 502 with text/html instead of candidates',
      ],
      [
        [200, { 'content-type': 'text/html' }, '<html>A page</html>'],
        'answered 200 with text/html instead of candidates',
      ],
      [[200, {}, '{"status":"ok"}'], 'answered 200 with no type instead of candidates'],
      [
        [503, { 'retry-after': '7' }, 'error code: 1102'],
        'is it the address of an edge-fill-mask worker? Try again after 7 s.',
      ],
      [
        [301, { location: 'https://example.com/fill-mask' }, ''],
        'redirects to https://example.com/fill-mask: name the address itself with --url.',
      ],
      [
        [401, {}, '{"error":"Send a key."}'],
        'asks for a key: set the environment variable API_KEY to one. Send a key.',
      ],
      [[429, { 'retry-after': '60' }, '{"error":"Too many requests."}'], 'Too many requests. Try again after 60 s.'],
      [[400, {}, '{"error":"No."}'], 'No.'],
    ] as const)('answers %j with a sentence', async (replied, sentence) => {
      const { code, said } = await asked(replied);
      expect(code).toBe(1);
      expect(said).toContain(sentence);
      expect(said.trimEnd()).not.toContain('\n');
    });

    it('says that a key is not accepted', async () => {
      const { said } = await asked([401, {}, '{"error":"Send a valid key."}'], '', { API_KEY: 'wrong' });
      expect(said).toContain('does not accept the key in API_KEY. Send a valid key.\n');
    });
  });
});
