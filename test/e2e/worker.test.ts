/** The bundled worker, as it is deployed, over HTTP: built by wrangler, run by workerd, asked by another process. */
import { connect } from 'node:net';

import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import type { Manifest } from '../../src/model/manifest.ts';
import { deploy, type Deployed } from '../deployed.ts';

/** The environments of wrangler.toml, the engine with both kinds of instructions. */
const DEPLOYMENTS = [
  { name: 'the engine', env: undefined, SIMD: 'relaxed', backend: { name: 'engine', build: 'relaxed' } },
  {
    name: 'the engine without relaxed SIMD',
    env: undefined,
    SIMD: 'plain',
    backend: { name: 'engine', build: 'plain' },
  },
  { name: 'onnxruntime-web', env: 'onnxruntime', SIMD: 'relaxed', backend: { name: 'onnxruntime-web' } },
];
let url: URL;

function ask(inputs: unknown, signal?: AbortSignal): Promise<Response> {
  return fetch(new URL('/fill-mask', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ inputs }),
    ...(signal && { signal }),
  });
}

describe.each(DEPLOYMENTS)('the deployed worker with $name', ({ env, SIMD, backend }) => {
  let server: Deployed;

  beforeAll(async () => {
    server = await deploy(inject('built'), { env, SIMD });
    ({ url } = server);
  });
  afterAll(() => server.close());

  it('is healthy before it has a model', async () => {
    expect(await (await fetch(new URL('/health', url))).json()).toMatchObject({ status: 'ok' });
  });

  it('answers those who wait for the model, or for the same answer, when the one who asked first goes away', async () => {
    const first = new AbortController();
    const leader = ask('[MASK] goes away.', first.signal);
    // Half of them want the very answer that is being computed for it.
    const others = Array.from({ length: 8 }, (_, i) => ask(i % 2 ? `Number ${i} is a [MASK].` : '[MASK] goes away.'));
    setTimeout(() => first.abort(), 5);
    await expect(leader).rejects.toThrow();
    expect((await Promise.all(others)).map(({ status }) => status)).toEqual(Array<number>(8).fill(200));
  });

  it('gives two lists for the example of the study notes', async () => {
    const answer = (await (await ask('I love [MASK] because you are [MASK].')).json()) as { sequence: string }[][];
    expect(answer.map((candidates) => candidates.length)).toEqual([5, 5]);
    expect(answer[0]?.[0]?.sequence).toMatch(/^I love .+ because you are \[MASK\]\.$/);
  });

  it('shows a page to whoever opens its address, and answers a question to whoever sends one there', async () => {
    const page = await fetch(url);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('cache-control')).toBe('public, max-age=0, must-revalidate');
    const script = /src="(page\.js)"/.exec(await page.text())?.[1] ?? '';
    expect((await fetch(new URL(script, url))).headers.get('content-type')).toMatch(/^text\/javascript/);

    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(url, { method: 'POST', headers, body: '{"inputs": "A [MASK]."}' });
    expect(await answer.json()).toHaveLength(5);
    expect((await fetch(url, { method: 'POST', body: 'A [MASK].' })).status).toBe(415);
    const refused = await fetch(url, { method: 'PUT' });
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST, OPTIONS']);
  });

  it('gives the same to many at once as to each alone', async () => {
    const texts = Array.from({ length: 16 }, (_, i) => `The ${'very '.repeat(i)}old [MASK] went to [MASK].`);
    const together = await Promise.all(texts.map(async (text) => (await ask(text)).json()));
    for (const [i, text] of texts.entries()) expect(together[i]).toEqual(await (await ask(text)).json());
  });

  it('tells its model and what runs it', async () => {
    const { id, revision } = inject('built');
    const info = (await (await fetch(new URL('/info', url))).json()) as Manifest;
    expect(info).toMatchObject({ model: id, revision, backend });
  });

  it('answers a body that has no length and no end by 413', async () => {
    const status = await new Promise<string>((resolve, reject) => {
      let answer = '';
      const socket = connect(Number(url.port), url.hostname, () => {
        socket.write(
          'POST /fill-mask HTTP/1.1\r\nhost: edge\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n',
        );
        const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
        for (let i = 0; i < 16; i++) socket.write(chunk); // 1 MB, and no last chunk.
      });
      socket.on('error', reject);
      socket.on('data', (data) => {
        answer += data.toString();
        if (!answer.includes('\r\n')) return;
        socket.destroy();
        resolve(answer.slice(0, answer.indexOf('\r\n')));
      });
    });
    expect(status).toMatch(/^HTTP\/1\.1 413 /);
  });
});
