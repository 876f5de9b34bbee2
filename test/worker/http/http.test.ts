import { kind } from '#kind';
import { beforeAll, describe, expect, it } from 'vitest';

import { MAX_BODY_BYTES, MAX_MASKS_PER_TEXT, MAX_TEXT_LENGTH, MAX_TEXTS } from '../../../src/limits.ts';
import { fillBucket, freshApp } from '../bucket.ts';

const app = freshApp();
/** One that admits little work, so that too much of it is still a small request. */
const bounded = freshApp({ MAX_REQUEST_GMACS: '30' });

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
    ['a list', '[]', 'invalid_request', /must be a JSON object, not a list/],
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
      'a parameter at the top level',
      '{"inputs": "[MASK]", "top_k": 3}',
      'invalid_request',
      /^top_k belongs in parameters\. Send \{"inputs": …, "parameters": \{"top_k": …\}\}\.$/,
    ],
    ['targets at the top level', '{"inputs": "[MASK]", "targets": ["a"]}', 'invalid_request', /^targets belongs in/],
    [
      'top_k 0',
      '{"inputs": "[MASK]", "parameters": {"top_k": 0}}',
      'invalid_request',
      /parameters\.top_k must be .* 1 to 100/,
    ],
    [
      'top_k 1001',
      '{"inputs": "[MASK]", "parameters": {"top_k": 1001}}',
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

describe('a parameter of the wrong type or range', () => {
  it.each([
    ['strategy', 'both', 'must be "independent" or "joint"'],
    ['strategy', 1, 'must be "independent" or "joint"'],
    ['num_beams', 0, 'must be a whole number from 1 to 100'],
    ['num_beams', 101, 'must be a whole number from 1 to 100'],
    ['num_beams', '8', 'must be a whole number from 1 to 100'],
    ['return_offsets', 'yes', 'must be true or false'],
    ['truncation', 1, 'must be true or false'],
  ])('%s: %j gets 400 and what it may be', async (name, value, sentence) => {
    const refused = await problem(await app.ask({ inputs: '[MASK]', parameters: { [name]: value } }));
    expect(refused).toMatchObject({ status: 400, error_type: 'invalid_request' });
    expect(refused.error).toBe(`parameters.${name} ${sentence}.`);
  });
});

describe('a parameter that is null', () => {
  it('is absent', async () => {
    const names = ['top_k', 'targets', 'strategy', 'num_beams', 'return_offsets', 'truncation'];
    const parameters = Object.fromEntries(names.map((name) => [name, null]));
    const response = await app.ask({ inputs: 'A [MASK].', parameters });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(await (await app.ask({ inputs: 'A [MASK].' })).json());
  });
});

describe('a renamed parameter', () => {
  it.each([
    ['beams', 'num_beams'],
    ['offsets', 'return_offsets'],
  ])('%s gets 400 and the new name', async (name, renamed) => {
    const post = await problem(await app.ask({ inputs: '[MASK]', parameters: { [name]: 5 } }));
    expect(post).toEqual({
      status: 400,
      error_type: 'invalid_request',
      error: `parameters.${name} was renamed: use ${renamed}.`,
    });
    const get = await problem(await app.request(`/fill-mask?inputs=%5BMASK%5D&${name}=5`));
    expect(get).toMatchObject({ status: 400, error: `${name} was renamed: use ${renamed}.` });
  });
});

const compress = (text: string, format: 'gzip' | 'deflate') =>
  new Response(new Blob([text]).stream().pipeThrough(new CompressionStream(format))).arrayBuffer();
const send = (body: BodyInit, encoding: string) =>
  app.request('/fill-mask', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-encoding': encoding },
    body,
  });

describe('a compressed body', () => {
  it.each(['gzip', 'deflate'] as const)('is decoded from %s', async (format) => {
    const response = await send(await compress('{"inputs": "Paris [MASK]. é"}', format), format);
    expect(response.status).toBe(200);
  });

  it('gets 413 when its decoded size exceeds the limit', async () => {
    const body = await compress(JSON.stringify({ inputs: '[MASK]', padding: 'x'.repeat(MAX_BODY_BYTES) }), 'gzip');
    expect(body.byteLength).toBeLessThan(10_000);
    expect(await problem(await send(body, 'gzip'))).toMatchObject({ status: 413, error_type: 'body_too_large' });
  });

  it('gets 400 when it does not match its header', async () => {
    const refused = await problem(await send('{"inputs": "[MASK]"}', 'gzip'));
    expect(refused).toMatchObject({ status: 400, error_type: 'invalid_json' });
    expect(refused.error).toMatch(/not valid gzip/);
  });

  it('gets 415 that names an unknown encoding', async () => {
    const refused = await problem(await send('x', 'br'));
    expect(refused).toMatchObject({ status: 415, error_type: 'unsupported_content_encoding' });
    expect(refused.error).toMatch(/content-encoding: br/);
  });
});

describe('a well-formed request that is refused', () => {
  const masks = '[MASK] '.repeat(MAX_MASKS_PER_TEXT + 1);
  it.each([
    ['no mask', { inputs: 'Nothing to fill.' }, 'no_mask', /inputs has no mask\. Put \[MASK\]/],
    ['no mask in one of the texts', { inputs: ['[MASK]', 'Nothing.'] }, 'no_mask', /inputs\[1\] has no mask/],
    ['too many masks', { inputs: masks }, 'too_many_masks', /has 17 masks\. The limit is 16/],
    [
      'too many tokens',
      { inputs: `[MASK] ${'a '.repeat(510)}` },
      'too_many_tokens',
      /513 tokens\. The model reads 512/,
    ],
    [
      'a text too long',
      { inputs: `[MASK]${'a'.repeat(MAX_TEXT_LENGTH)}` },
      'text_too_long',
      /4102 characters\. The limit is 4096/,
    ],
    [
      'too many texts',
      { inputs: Array<string>(MAX_TEXTS + 1).fill('[MASK]') },
      'too_many_texts',
      /^33 texts exceed the limit of 32/,
    ],
    [
      'an answer too large',
      { inputs: '[MASK] a '.repeat(16) + 'a'.repeat(3800), parameters: { top_k: 100 } },
      'answer_too_large',
      /6310400 bytes\. The limit is 4000000\. Lower top_k/,
    ],
    [
      'a target of too many pieces',
      { inputs: 'A [MASK].', parameters: { targets: ['house', 'a b c d e f g h i j k l m n o p q'] } },
      'target_too_long',
      /has 17 pieces\. The limit is 16/,
    ],
    [
      'a target of too many characters',
      { inputs: 'A [MASK].', parameters: { targets: ['ab'.repeat(100)] } },
      'target_too_long',
      /"(?:ab){20}…" has 200 characters\. The limit is 128/,
    ],
    [
      'a target of spaces',
      { inputs: 'A [MASK].', parameters: { targets: [' '] } },
      'target_empty',
      /" " has no tokens/,
    ],
    [
      'a target that does not fit',
      { inputs: `[MASK] ${'a '.repeat(509)}`, parameters: { targets: ['new york'] } },
      'too_many_tokens',
      /513 tokens\. The model reads 512/,
    ],
    [
      'too many targets of several pieces, in a long text',
      {
        inputs: `[MASK] ${'a '.repeat(400)}`,
        parameters: { targets: Array.from({ length: 30 }, (_, i) => `${String.fromCharCode(97 + (i % 26))} b ${i}`) },
      },
      'too_much_work',
      /needs at least \d+\.\d billion multiply-adds\. The limit is 30\.0\. Each piece of a target is one run/,
    ],
    [
      'more runs for targets than there is memory to plan',
      {
        inputs: Array.from({ length: 32 }, (_, t) => `${t} ${'[MASK] '.repeat(16)}${'a '.repeat(400)}`),
        parameters: { top_k: 1, targets: Array.from({ length: 100 }, (_, i) => `${i} ${'b '.repeat(14)}`) },
      },
      'too_much_work',
      /needs at least 3\d\.\d billion multiply-adds/,
    ],
    [
      'targets after too many different characters',
      {
        inputs: Array.from({ length: 32 }, (_, t) =>
          Array.from({ length: 16 }, (_mask, m) => `${String.fromCharCode(0x4e00 + 16 * t + m)}[MASK]`).join(' '),
        ),
        parameters: { top_k: 1, targets: Array.from({ length: 100 }, (_, i) => `t${i}`) },
      },
      'too_many_targets',
      /^100 targets × 512 different characters before a mask need more than 1024 tokenizations/,
    ],
    [
      'a joint search that is too wide',
      { inputs: '[MASK] '.repeat(16), parameters: { strategy: 'joint', num_beams: 100 } },
      'too_much_work',
      /needs at least \d+\.\d billion .* lower num_beams, or send fewer masks or texts/,
    ],
    [
      'joint searches of too many texts',
      {
        inputs: Array<string>(32)
          .fill('a [MASK] [MASK] [MASK]')
          .map((text, i) => `${text} ${i}`),
        parameters: { strategy: 'joint', num_beams: 50 },
      },
      'too_much_work',
      /lower num_beams/,
    ],
    [
      'targets in a joint search',
      { inputs: 'A [MASK].', parameters: { strategy: 'joint', targets: ['dog'] } },
      'conflicting_parameters',
      /^The strategy "joint" .* cannot be combined with targets\. Remove one of the two/,
    ],
    [
      'num_beams where nothing is searched',
      { inputs: 'A [MASK].', parameters: { num_beams: 5 } },
      'conflicting_parameters',
      /^num_beams belongs to a search/,
    ],
    [
      'more combinations than num_beams',
      { inputs: 'A [MASK].', parameters: { strategy: 'joint', num_beams: 5, top_k: 6 } },
      'conflicting_parameters',
      /^top_k is 6 and num_beams is 5.*: raise num_beams/,
    ],
    [
      'a target of unknown characters',
      { inputs: 'A [MASK].', parameters: { targets: ['☃'] } },
      'target_unknown',
      /that the vocabulary lacks/,
    ],
  ])('for %s gets 422 with the reason', async (_, body, error_type, sentence) => {
    const refused = await problem(await bounded.ask(body));
    expect(refused).toMatchObject({ status: 422, error_type });
    expect(refused.error).toMatch(sentence);
  });

  it('is answered exactly at the limit', async () => {
    const inputs = ['[MASK] '.repeat(MAX_MASKS_PER_TEXT), `[MASK] ${'a '.repeat(509)}`];
    expect((await app.ask({ inputs })).status).toBe(200);
  });
});

describe('another route', () => {
  const pair = { text: 'It rained.', text_pair: 'She got wet.' };
  it.each([
    ['/score', 400, 'invalid_json', '{"inputs": ', /Send {"inputs": "The dog barks."}/],
    ['/score', 400, 'invalid_request', {}, /^inputs is missing/],
    ['/score', 400, 'invalid_request', { inputs: 'a', parameters: [] }, /^parameters must be an object, not a list/],
    [
      '/fill-mask',
      400,
      'invalid_request',
      { inputs: '[MASK]', parameters: [1] },
      /^parameters must be an object, not a list/,
    ],
    [
      '/fill-mask',
      400,
      'invalid_request',
      { inputs: '[MASK]', parameters: { ['x'.repeat(99)]: 1 } },
      /^parameters\.x{40}… is not a known/,
    ],
    ['/fill-mask', 400, 'invalid_request', { inputs: Array<number>(200_000).fill(1) }, /^inputs\[0\] must be a text/],
    ['/sentence-order', 400, 'invalid_request', { inputs: ['a', 'b'] }, /^inputs\[0\] must be a pair/],
    ['/score', 400, 'invalid_request', { inputs: 5 }, /^inputs must be a text or a list of texts/],
    ['/score', 400, 'invalid_request', { inputs: ['a', null] }, /^inputs\[1\] must be a text/],
    ['/score', 400, 'invalid_request', { inputs: '' }, /^inputs is empty/],
    [
      '/score',
      400,
      'invalid_request',
      { inputs: 'a', parameters: { metric: 'plain' } },
      /"within_word_l2r" or "original"/,
    ],
    [
      '/score',
      400,
      'invalid_request',
      { inputs: 'a', parameters: { top_k: 1 } },
      /^parameters\.top_k is not a known .* metric/,
    ],
    ['/score', 422, 'has_mask', { inputs: ['a', 'A [MASK].'] }, /^inputs\[1\] has a mask/],
    ['/score', 422, 'no_tokens', { inputs: '   ' }, /^inputs has no tokens/],
    ['/score', 422, 'text_too_long', { inputs: 'a'.repeat(4097) }, /4097 characters\. The limit is 4096/],
    ['/score', 422, 'too_many_texts', { inputs: Array<string>(33).fill('a') }, /33 texts/],
    ['/score', 422, 'too_many_tokens', { inputs: 'a '.repeat(511) }, /513 tokens/],
    [
      '/score',
      422,
      'too_much_work',
      { inputs: 'a '.repeat(200) },
      /needs at least \d+\.\d billion .* Each token of a text is one run/,
    ],
    ['/sentence-order', 400, 'invalid_request', { inputs: 'a' }, /^inputs must be a pair such as/],
    ['/sentence-order', 400, 'invalid_request', { inputs: { text: 'a' } }, /^inputs\.text_pair is missing/],
    [
      '/sentence-order',
      400,
      'invalid_request',
      { inputs: { text: 'a', text_pair: 5 } },
      /^inputs\.text_pair must be a text/,
    ],
    [
      '/sentence-order',
      400,
      'invalid_request',
      { inputs: [pair, { text: '', text_pair: 'a' }] },
      /^inputs\[1\]\.text is empty/,
    ],
    ['/sentence-order', 400, 'invalid_request', { inputs: [] }, /^inputs is an empty list/],
    ['/sentence-order', 422, 'too_many_texts', { inputs: Array.from({ length: 33 }, () => pair) }, /33 texts/],
    [
      '/sentence-order',
      422,
      'too_many_tokens',
      { inputs: { text: 'a '.repeat(300), text_pair: 'a '.repeat(300) } },
      /603 tokens/,
    ],
    [
      '/sentence-order',
      422,
      'text_too_long',
      { inputs: [pair, { ...pair, text: 'a'.repeat(4096) }] },
      /^inputs\[1\] has 4108/,
    ],
    ['/next-sentence', 400, 'invalid_request', { inputs: null }, /^inputs must be a pair/],
    ['/tokenize', 400, 'invalid_request', { inputs: [] }, /^inputs is an empty list/],
    ['/tokenize', 422, 'text_too_long', { inputs: 'a'.repeat(4097) }, /4097 characters\. The limit is 4096/],
    ['/tokenize', 422, 'too_many_texts', { inputs: Array<string>(33).fill('a') }, /33 texts/],
    [
      '/tokenize',
      422,
      'too_many_tokens_in_all',
      { inputs: Array<string>(32).fill('a.'.repeat(2000)) },
      /^The texts have at least \d+ tokens together\. The limit is 16384/,
    ],
  ])('%s answers what it cannot do by %i %s', async (path, status, error_type, sent, sentence) => {
    const refused = await problem(await bounded.ask(sent, path));
    expect(refused).toMatchObject({ status, error_type });
    expect(refused.error).toMatch(sentence);
  });

  it.each(['/score', '/sentence-order', '/next-sentence', '/tokenize'])(
    '%s wants JSON, and not too much',
    async (path) => {
      const init = {
        method: 'POST',
        body: 'inputs=a',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      };
      expect(await problem(await app.request(path, init))).toMatchObject({ status: 415 });
      const misplaced = await app.ask({ inputs: 'a', metric: 'original' }, path);
      expect((await misplaced.text()).includes('metric belongs in parameters')).toBe(path === '/score');
      const large = JSON.stringify({ inputs: 'a', padding: 'x'.repeat(MAX_BODY_BYTES) });
      expect(await problem(await app.ask(large, path))).toMatchObject({ status: 413 });
    },
  );

  it('is refused before the model is read', async () => {
    const bucket = { get: () => Promise.reject(new Error('there is no bucket')) } as unknown as R2Bucket;
    const without = freshApp({ MODELS: bucket });
    expect((await without.ask({ inputs: 'A [MASK].' }, '/score')).status).toBe(422);
    expect((await without.ask({ inputs: 'A dog.' }, '/score')).status).toBe(502);
    expect((await without.ask({ inputs: pair }, '/sentence-order')).status).toBe(502);
    expect((await without.ask({ inputs: 'A dog.' }, '/tokenize')).status).toBe(502);
  });
});

describe('a request that would cost too much', () => {
  const targets = Array.from({ length: 30 }, (_, i) => `${String.fromCharCode(97 + (i % 26))} b ${i}`);
  it.each([
    ['/score', { inputs: 'a '.repeat(200) }, 'too_much_work'],
    [
      '/fill-mask',
      { inputs: '[MASK] '.repeat(16), parameters: { strategy: 'joint', num_beams: 100 } },
      'too_much_work',
    ],
    ['/fill-mask', { inputs: `[MASK] ${'a '.repeat(400)}`, parameters: { targets } }, 'too_much_work'],
  ])('of %s is refused before any run of the model', async (path, body, error_type) => {
    let runs = 0;
    const counting: typeof kind = {
      ...kind,
      async create(file) {
        const backend = await kind.create(file);
        return { run: (batch) => (runs++, backend.run(batch)) };
      },
    };
    const counted = freshApp({ CACHE: 'off', MAX_REQUEST_GMACS: '30' }, counting);
    expect(await problem(await counted.ask(body, path))).toMatchObject({ status: 422, error_type });
    // The run that compares the model with its manifest.
    expect(runs).toBe(1);
    expect((await counted.ask({ inputs: 'A [MASK].' })).status).toBe(200);
    expect(runs).toBe(2);
  });
});

describe('a body about the size of the limit', () => {
  const large = JSON.stringify({ inputs: '[MASK]', padding: 'x'.repeat(MAX_BODY_BYTES) });

  it('gets 413 when it is larger', async () => {
    expect(await problem(await app.ask(large))).toMatchObject({ status: 413, error_type: 'body_too_large' });
  });

  it('gets 413 when it is larger and streamed without a length', async () => {
    const bytes = new TextEncoder().encode(large);
    let at = 0;
    const body = new ReadableStream({
      type: 'bytes',
      pull(controller: ReadableByteStreamController) {
        if (at >= bytes.length) controller.close();
        else controller.enqueue(bytes.slice(at, (at += 65_536)));
      },
    });
    const response = await app.request('/fill-mask', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(await problem(response)).toMatchObject({ status: 413, error_type: 'body_too_large' });
  });

  it('is answered when it is just below', async () => {
    const padding = 'x'.repeat(MAX_BODY_BYTES - JSON.stringify({ inputs: '[MASK]', padding: '' }).length);
    expect((await app.ask({ inputs: '[MASK]', padding })).status).toBe(200);
  });
});

describe('routes', () => {
  it.each([
    ['PUT', '/', 'GET, HEAD, POST, OPTIONS'],
    ['DELETE', '/', 'GET, HEAD, POST, OPTIONS'],
    ['POST', '/docs', 'GET, HEAD, OPTIONS'],
    ['PUT', '/fill-mask', 'GET, HEAD, POST, OPTIONS'],
    ['POST', '/health', 'GET, HEAD, OPTIONS'],
    ['DELETE', '/info', 'GET, HEAD, OPTIONS'],
    ['POST', '/openapi.json', 'GET, HEAD, OPTIONS'],
    ['GET', '/score', 'POST, OPTIONS'],
    ['PUT', '/sentence-order', 'POST, OPTIONS'],
    ['GET', '/next-sentence', 'POST, OPTIONS'],
    ['PATCH', '/tokenize', 'POST, OPTIONS'],
  ])('answer %s %s by 405 and what is allowed', async (method, path, allow) => {
    const response = await app.request(path, { method });
    expect(response.headers.get('allow')).toBe(allow);
    expect(await problem(response)).toMatchObject({ status: 405, error_type: 'method_not_allowed' });
  });

  it.each([
    ['/', /^text\/html/],
    ['/docs', /^text\/html/],
    ['/openapi.json', /^application\/json/],
  ])('pass GET and HEAD of %s on to the assets, which are revalidated after a deployment', async (path, type) => {
    const page = await app.request(path);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toMatch(type);
    expect(page.headers.get('cache-control')).toBe('public, max-age=0, must-revalidate');
    expect(await page.text()).toContain('edge-fill-mask');

    const tag = page.headers.get('etag') ?? '';
    expect((await app.request(path, { headers: { 'if-none-match': tag } })).status).toBe(304);

    const head = await app.request(path, { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(await head.text()).toBe('');
  });

  it('answer an unknown path with 404', async () => {
    const refused = await problem(await app.request('/nothing/here'));
    expect(refused).toMatchObject({ status: 404, error_type: 'not_found' });
    expect(refused.error).toContain('/nothing/here');
  });

  it('answer a list of one by GET as by POST, and refuse a query that is not UTF-8', async () => {
    const inputs = 'The [MASK] barked.';
    const get = async (...query: [string, string][]) =>
      (await app.request(`/fill-mask?${new URLSearchParams(query).toString()}`)).json();
    for (const name of ['inputs[]', 'inputs[0]']) {
      expect(await get([name, inputs])).toEqual(await app.answer({ inputs: [inputs] }));
    }
    expect(await get(['inputs', inputs])).toEqual(await app.answer({ inputs }));
    expect(await get(['inputs', inputs], ['inputs', inputs])).toEqual(await app.answer({ inputs: [inputs, inputs] }));
    expect(await problem(await app.request('/fill-mask?inputs=caf%E9+[MASK]'))).toMatchObject({
      status: 400,
      error_type: 'invalid_request',
    });
  });

  it('tolerate a slash at the end of a path', async () => {
    const inputs = 'The [MASK] barked.';
    expect(await app.answer({ inputs }, '/fill-mask/')).toEqual(await app.answer({ inputs }));
    expect((await app.request('/health/')).status).toBe(200);
    expect(await problem(await app.request('/score/'))).toMatchObject({ status: 405 });
  });

  it.each(['/v1/completions', '/v1/fill-mask', '/v1'])('answer %s with the path to use', async (path) => {
    const refused = await problem(await app.ask({ model: 'gpt', prompt: 'Hello' }, path));
    expect(refused).toMatchObject({ status: 404, error_type: 'not_found' });
    expect(refused.error).toMatch(/^Nothing is at \/v1.* its routes have no \/v1: POST .* to \/fill-mask\./);
  });

  it('describe the served model', async () => {
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

  it('say whether the model can be read', async () => {
    const ready = await freshApp({ VERSION: { id: 'a-version', tag: '', timestamp: '' } }).request('/ready');
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready', model: expect.any(String) }]);
    expect(ready.headers.get('worker-version')).toBe('a-version');
    const bucket = { get: () => Promise.resolve(null) } as unknown as R2Bucket;
    const empty = await freshApp({ MODELS: bucket }).request('/ready');
    expect(empty.headers.get('retry-after')).toBe('1');
    const refused = await problem(empty);
    expect(refused).toMatchObject({ status: 503, error_type: 'model_unavailable' });
    expect(refused.error).toMatch(
      /manifest\.json is missing from the bucket\. The owner .*npm run models -- push --remote/,
    );
  });

  it('forbid guessing the content type of a response', async () => {
    for (const response of [await app.ask({ inputs: '[MASK]' }), await app.request('/nothing')]) {
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  it('forbid storing the response to a POST, and allow an error of a GET for seconds only', async () => {
    expect((await app.ask({ inputs: '[MASK]' })).headers.get('cache-control')).toBe('no-store');
    expect((await app.ask({ inputs: 'no mask' })).headers.get('cache-control')).toBe('no-store');
    expect((await app.request('/nothing')).headers.get('cache-control')).toBe('public, max-age=5');
  });
});

describe('CORS', () => {
  it.each(['/', '/docs', '/fill-mask', '/score', '/tokenize', '/health', '/info', '/nothing'])(
    'answers OPTIONS %s by 204',
    async (path) => {
      const headers = {
        origin: 'https://page.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type,x-anything',
      };
      const response = await app.request(path, { method: 'OPTIONS', headers });
      expect(response.status).toBe(204);
      expect(response.headers.get('access-control-allow-origin')).toBe('*');
      expect(response.headers.get('access-control-allow-headers')).toBe('content-type,x-anything');
    },
  );

  it('lets scripts read the headers of an answer', async () => {
    const response = await app.ask({ inputs: '[MASK]' });
    expect(response.headers.get('access-control-expose-headers')).toBe(
      'etag,cache-status,server-timing,retry-after,www-authenticate,x-request-id',
    );
  });

  it('allows only the listed origins', async () => {
    const strict = freshApp({ ALLOWED_ORIGINS: 'https://a.example, https://b.example' });
    const from = async (origin: string) =>
      (await strict.request('/health', { headers: { origin } })).headers.get('access-control-allow-origin');
    expect(await from('https://b.example')).toBe('https://b.example');
    expect(await from('https://c.example')).toBeNull();
  });
});
