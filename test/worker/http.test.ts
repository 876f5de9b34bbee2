import { kind } from '#kind';
import { beforeAll, describe, expect, it } from 'vitest';

import { MAX_BODY_BYTES, MAX_MASKS_PER_TEXT, MAX_TEXT_LENGTH, MAX_TEXTS } from '../../src/limits.ts';
import { fillBucket, freshApp } from './bucket.ts';

const app = freshApp();

beforeAll(fillBucket);

interface Problem {
  error: string;
  error_type: string;
}

async function problem(response: Response): Promise<Problem & { status: number }> {
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(response.headers.get('access-control-allow-origin')).toBe('*');
  return { status: response.status, ...(await response.json<Problem>()) };
}

describe('a malformed request', () => {
  it.each([
    ['no JSON', '{"inputs": ', 'invalid_json', /not JSON/],
    ['no body', '', 'invalid_json', /not JSON/],
    ['a list', '[]', 'invalid_request', /inputs is missing/],
    ['a text', '"[MASK]"', 'invalid_request', /must be a JSON object/],
    ['null', 'null', 'invalid_request', /must be a JSON object/],
    ['no inputs', '{}', 'invalid_request', /inputs is missing/],
    ['null inputs', '{"inputs": null}', 'invalid_request', /inputs must be a text or a list of texts/],
    ['an empty text', '{"inputs": ""}', 'invalid_request', /inputs is empty/],
    ['an empty list', '{"inputs": []}', 'invalid_request', /inputs is an empty list/],
    ['a number', '{"inputs": 5}', 'invalid_request', /inputs must be a text or a list of texts/],
    ['a number in the list', '{"inputs": ["[MASK]", 5]}', 'invalid_request', /inputs\[1\] must be a text/],
    ['an empty text in the list', '{"inputs": ["[MASK]", ""]}', 'invalid_request', /inputs\[1\] is empty/],
    [
      'parameters of another type',
      '{"inputs": "[MASK]", "parameters": 5}',
      'invalid_request',
      /parameters must be an object/,
    ],
    [
      'an unknown parameter',
      '{"inputs": "[MASK]", "parameters": {"topk": 5}}',
      'invalid_request',
      /parameters\.topk is not a known/,
    ],
    [
      'top_k 0',
      '{"inputs": "[MASK]", "parameters": {"top_k": 0}}',
      'invalid_request',
      /parameters\.top_k must be .* 1 to 100/,
    ],
    [
      'top_k 101',
      '{"inputs": "[MASK]", "parameters": {"top_k": 101}}',
      'invalid_request',
      /parameters\.top_k must be .* 1 to 100/,
    ],
    [
      'top_k 1.5',
      '{"inputs": "[MASK]", "parameters": {"top_k": 1.5}}',
      'invalid_request',
      /parameters\.top_k must be a whole/,
    ],
    [
      'top_k "5"',
      '{"inputs": "[MASK]", "parameters": {"top_k": "5"}}',
      'invalid_request',
      /parameters\.top_k must be a whole/,
    ],
    [
      'top_k null',
      '{"inputs": "[MASK]", "parameters": {"top_k": null}}',
      'invalid_request',
      /parameters\.top_k must be a whole/,
    ],
    [
      'targets of another type',
      '{"inputs": "[MASK]", "parameters": {"targets": 5}}',
      'invalid_request',
      /parameters\.targets must be a word/,
    ],
    [
      'no targets',
      '{"inputs": "[MASK]", "parameters": {"targets": []}}',
      'invalid_request',
      /parameters\.targets is an empty list/,
    ],
    [
      'an empty target',
      '{"inputs": "[MASK]", "parameters": {"targets": ["a", ""]}}',
      'invalid_request',
      /parameters\.targets\[1\] is empty/,
    ],
  ])('with %s gets 400 and what to do', async (_, body, error_type, sentence) => {
    const refused = await problem(await app.ask(body));
    expect(refused).toMatchObject({ status: 400, error_type });
    expect(refused.error).toMatch(sentence);
    expect(refused.error).toMatch(/\.$/);
  });
});

describe('a question that is refused', () => {
  const masks = '[MASK] '.repeat(MAX_MASKS_PER_TEXT + 1);
  it.each([
    ['no mask', { inputs: 'Nothing to fill.' }, 'no_mask', /inputs has no mask: put \[MASK\]/],
    ['no mask in one of the texts', { inputs: ['[MASK]', 'Nothing.'] }, 'no_mask', /inputs\[1\] has no mask/],
    ['too many masks', { inputs: masks }, 'too_many_masks', /17 masks where 16 are allowed/],
    [
      'too many tokens',
      { inputs: `[MASK] ${'a '.repeat(510)}` },
      'too_many_tokens',
      /513 tokens where the model reads 512/,
    ],
    [
      'a text too long',
      { inputs: `[MASK]${'a'.repeat(MAX_TEXT_LENGTH)}` },
      'text_too_long',
      /4102 characters where 4096/,
    ],
    ['too many texts', { inputs: Array<string>(MAX_TEXTS + 1).fill('[MASK]') }, 'too_many_texts', /33 texts where 32/],
    [
      'an answer too large',
      { inputs: '[MASK] a '.repeat(16) + 'a'.repeat(3800), parameters: { top_k: 100 } },
      'answer_too_large',
      /6310400 characters where 4000000 are allowed: lower top_k/,
    ],
    [
      'a target of several pieces',
      { inputs: 'A [MASK].', parameters: { targets: ['house', 'incomprehensibilities'] } },
      'target_not_one_piece',
      /"incomprehensibilities" is \d+ pieces/,
    ],
    [
      'a target of two words',
      { inputs: 'A [MASK].', parameters: { targets: ['new york'] } },
      'target_not_one_piece',
      /is 2 pieces/,
    ],
    [
      'a target of blanks',
      { inputs: 'A [MASK].', parameters: { targets: [' '] } },
      'target_not_one_piece',
      /is 0 pieces/,
    ],
    [
      'a target of unknown characters',
      { inputs: 'A [MASK].', parameters: { targets: ['☃'] } },
      'target_unknown',
      /does not know/,
    ],
  ])('for %s gets 422 with the reason', async (_, body, error_type, sentence) => {
    const refused = await problem(await app.ask(body));
    expect(refused).toMatchObject({ status: 422, error_type });
    expect(refused.error).toMatch(sentence);
  });

  it('is answered at the very limit', async () => {
    const inputs = ['[MASK] '.repeat(MAX_MASKS_PER_TEXT), `[MASK] ${'a '.repeat(509)}`];
    expect((await app.ask({ inputs })).status).toBe(200);
  });
});

describe('a body over the limit', () => {
  const large = JSON.stringify({ inputs: '[MASK]', padding: 'x'.repeat(MAX_BODY_BYTES) });

  it('gets 413', async () => {
    expect(await problem(await app.ask(large))).toMatchObject({ status: 413, error_type: 'body_too_large' });
  });

  it('gets 413 when it is streamed without a length', async () => {
    const bytes = new TextEncoder().encode(large);
    let at = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at >= bytes.length) controller.close();
        else controller.enqueue(bytes.subarray(at, (at += 65_536)));
      },
    });
    const response = await app.request('/fill-mask', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(await problem(response)).toMatchObject({ status: 413, error_type: 'body_too_large' });
  });

  it('is answered when it is just within it', async () => {
    const padding = 'x'.repeat(MAX_BODY_BYTES - JSON.stringify({ inputs: '[MASK]', padding: '' }).length);
    expect((await app.ask({ inputs: '[MASK]', padding })).status).toBe(200);
  });
});

describe('routes', () => {
  it.each([
    ['GET', '/', 'POST, OPTIONS'],
    ['PUT', '/fill-mask', 'GET, POST, OPTIONS'],
    ['POST', '/health', 'GET, OPTIONS'],
    ['DELETE', '/info', 'GET, OPTIONS'],
  ])('answer %s %s by 405 and what is allowed', async (method, path, allow) => {
    const response = await app.request(path, { method });
    expect(response.headers.get('allow')).toBe(allow);
    expect(await problem(response)).toMatchObject({ status: 405, error_type: 'method_not_allowed' });
  });

  it('answer an unknown path by 404', async () => {
    const refused = await problem(await app.request('/nothing/here'));
    expect(refused).toMatchObject({ status: 404, error_type: 'not_found' });
    expect(refused.error).toContain('/nothing/here');
  });

  it.each([[{}], [{ 'content-type': 'application/x-www-form-urlencoded' }], [{ 'content-type': 'text/json+nothing' }]])(
    'answer a body that is not declared as JSON (%o) by 415',
    async (headers) => {
      const init = {
        method: 'POST',
        headers: headers as HeadersInit,
        body: new TextEncoder().encode('{"inputs": "[MASK]"}'),
      };
      expect(await problem(await app.request('/fill-mask', init))).toMatchObject({
        status: 415,
        error_type: 'unsupported_media_type',
      });
    },
  );

  it('take application/json with a charset', async () => {
    const headers = { 'content-type': 'application/json; charset=utf-8' };
    const response = await app.request('/fill-mask', { method: 'POST', headers, body: '{"inputs": "[MASK]"}' });
    expect(response.status).toBe(200);
  });

  it('tell what is served', async () => {
    const info = await (await app.request('/info')).json<Record<string, unknown>>();
    expect(info).toMatchObject({
      backend: kind.description,
      quantization: { weights: expect.stringContaining('int8') },
      mask_token: '[MASK]',
      heads: ['mlm', 'sop'],
      limits: { tokens: 512, texts: 32, masks_per_text: 16 },
      architecture: { family: 'albert' },
    });
  });

  it('say that an answer to a POST is not to be stored, and a refused GET for seconds only', async () => {
    expect((await app.ask({ inputs: '[MASK]' })).headers.get('cache-control')).toBe('no-store');
    expect((await app.ask({ inputs: 'no mask' })).headers.get('cache-control')).toBe('no-store');
    expect((await app.request('/nothing')).headers.get('cache-control')).toBe('public, max-age=5');
  });
});

describe('CORS', () => {
  it.each(['/', '/fill-mask', '/health', '/info', '/nothing'])('answers OPTIONS %s by 204', async (path) => {
    const headers = { origin: 'https://page.example', 'access-control-request-method': 'POST' };
    const response = await app.request(path, { method: 'OPTIONS', headers });
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('access-control-allow-headers')).toBe(
      'content-type,authorization,cache-control,x-use-cache,if-none-match',
    );
  });

  it('lets scripts read the headers of an answer', async () => {
    const response = await app.ask({ inputs: '[MASK]' });
    expect(response.headers.get('access-control-expose-headers')).toBe('etag,cache-status,server-timing,retry-after');
  });

  it('admits only the origins that are listed', async () => {
    const strict = freshApp({ ALLOWED_ORIGINS: 'https://a.example, https://b.example' });
    const from = async (origin: string) =>
      (await strict.request('/health', { headers: { origin } })).headers.get('access-control-allow-origin');
    expect(await from('https://b.example')).toBe('https://b.example');
    expect(await from('https://c.example')).toBeNull();
  });
});
