/** A page on another origin that calls the API with the client of Hugging Face. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { inChromium } from './chromium.ts';
import { EXAMPLE } from './example.ts';

const SCRIPT = `
  import { fillMask } from '@huggingface/inference';
  globalThis.ask = (args) => fillMask(args).catch((error) => ({ failed: String(error) }));
`;

interface Candidate {
  score: number;
  token_str: string;
}

inChromium('a page on another origin', ({ origin, browser }) => {
  let elsewhere: Server;
  beforeAll(async () => {
    const bundle = await build({
      stdin: { contents: SCRIPT, resolveDir: import.meta.dirname },
      bundle: true,
      format: 'iife',
      platform: 'browser',
      write: false,
      logLevel: 'silent',
    });
    const script = bundle.outputFiles[0]?.text ?? '';
    elsewhere = createServer(({ url }, response) => {
      response.setHeader('content-type', url === '/' ? 'text/html' : 'text/javascript');
      response.end(
        url === '/' ? '<!doctype html><link rel="icon" href="data:,"><script src="ask.js"></script>' : script,
      );
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => elsewhere.close());

  async function ask(endpointUrl: string, inputs: string, parameters: Record<string, unknown>): Promise<unknown> {
    const page = await browser().newPage();
    await page.goto(`http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`);
    const args = JSON.stringify({ endpointUrl, inputs, parameters });
    return page.evaluate(`ask(${args})`);
  }

  it.each(['/', '/fill-mask'])('is answered at %s', async (path) => {
    const answer = (await ask(origin() + path, 'I have never seen [MASK] before.', { top_k: 3 })) as Candidate[];
    expect(answer).toHaveLength(3);
    expect(answer[0]).toMatchObject({ token_str: expect.any(String), score: expect.any(Number) });
  });

  it('gets our error from the client, not one of the browser', async () => {
    const answer = (await ask(origin(), 'Nothing to fill.', {})) as { failed: string };
    expect(answer.failed).toContain('has no mask');
  });

  it('can read which cache answered and where the time went', async () => {
    const page = await browser().newPage();
    await page.goto(`http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`);
    const headers = await page.evaluate<string[]>(`
      fetch('${origin()}/', { method: 'POST', headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ inputs: '${EXAMPLE}' }) })
        .then(({ headers }) => ['cache-status', 'server-timing'].map((name) => headers.get(name)))`);
    expect(headers[0]).toMatch(/isolate/);
    expect(headers[1]).toMatch(/infer/);
  });
});
