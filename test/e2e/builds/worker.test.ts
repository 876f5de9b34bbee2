/** The bundled worker over HTTP: wrangler builds it, workerd runs it. */
import { connect } from 'node:net';

import { beforeAll, describe, expect, inject, it } from 'vitest';

import type { Manifest } from '../../../src/model/manifest.ts';
import { postJson } from '../../post-json.ts';
import { useWorker } from '../use-worker.ts';

/** The environments of wrangler.toml, and both builds of the engine. */
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
  return postJson(new URL('/fill-mask', url), { inputs }, signal && { signal });
}

describe.each(DEPLOYMENTS)('the deployed worker with $name', ({ env, SIMD, backend }) => {
  const worker = useWorker({ env, SIMD });
  beforeAll(() => void ({ url } = worker));

  it('is healthy before it has a model', async () => {
    expect(await (await fetch(new URL('/health', url))).json()).toMatchObject({ status: 'ok' });
  });

  it('answers clients that wait for the model, or for the same answer, when the first client disconnects', async () => {
    const first = new AbortController();
    const leader = ask('[MASK] goes away.', first.signal);
    // Half of them send the request of the client that leaves.
    const others = Array.from({ length: 8 }, (_, i) => ask(i % 2 ? `Number ${i} is a [MASK].` : '[MASK] goes away.'));
    setTimeout(() => first.abort(), 5);
    await expect(leader).rejects.toThrow();
    expect((await Promise.all(others)).map(({ status }) => status)).toEqual(Array<number>(8).fill(200));
  });

  it('gives a list for each of two masks', async () => {
    const answer = (await (await ask('I love [MASK] because you are [MASK].')).json()) as { sequence: string }[][];
    expect(answer.map((candidates) => candidates.length)).toEqual([5, 5]);
    expect(answer[0]?.[0]?.sequence).toMatch(/^I love .+ because you are \[MASK\]\.$/);
  });

  it('serves the page on GET / and fills masks on POST /', async () => {
    const page = await fetch(url);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('cache-control')).toBe('public, max-age=0, must-revalidate');
    const script = /src="(page\.js)"/.exec(await page.text())?.[1] ?? '';
    expect((await fetch(new URL(script, url))).headers.get('content-type')).toMatch(/^text\/javascript/);

    const answer = await postJson(url, { inputs: 'A [MASK].' });
    expect(await answer.json()).toHaveLength(5);
    const form = new URLSearchParams({ inputs: 'A [MASK].' });
    expect((await fetch(url, { method: 'POST', body: form })).status).toBe(415);
    expect((await fetch(url, { method: 'POST', body: 'A [MASK].' })).status).toBe(400);
    const refused = await fetch(url, { method: 'PUT' });
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST, OPTIONS']);
  });

  it('gives each of several concurrent requests the response that it gets alone', async () => {
    const texts = Array.from({ length: 16 }, (_, i) => `The ${'very '.repeat(i)}old [MASK] went to [MASK].`);
    const together = await Promise.all(texts.map(async (text) => (await ask(text)).json()));
    for (const [i, text] of texts.entries()) expect(together[i]).toEqual(await (await ask(text)).json());
  });

  it('names its model and its backend', async () => {
    const { id, revision } = inject('built');
    const info = (await (await fetch(new URL('/info', url))).json()) as Manifest;
    expect(info).toMatchObject({ model: id, revision, backend });
  });

  it('answers 413 to an endless chunked body', async () => {
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
