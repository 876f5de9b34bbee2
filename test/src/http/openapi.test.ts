/** The OpenAPI document: what it says of each operation. test/worker/http/openapi.test.ts compares it with answers. */
import { describe, expect, it } from 'vitest';

import packageJson from '../../../package.json' with { type: 'json' };
import { createOpenApiDocument } from '../../../src/http/openapi.ts';

interface Described {
  readonly headers?: Record<string, object>;
  readonly content?: Record<
    string,
    { readonly schema: { readonly $ref?: string }; readonly examples?: Record<string, object> }
  >;
}
interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly required?: boolean; readonly schema: object }[];
  readonly requestBody?: Described;
  readonly responses: Record<string, Described>;
  readonly 'x-codeSamples'?: readonly { readonly lang: string; readonly source: string }[];
}
interface Document {
  readonly info: { readonly version: string };
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: {
    readonly headers: Record<string, { readonly required: boolean }>;
    readonly schemas: Record<string, { readonly properties?: Record<string, object> }>;
  };
}

const document = createOpenApiDocument() as Document;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
);
const find = (wanted: string): Operation => {
  const found = operations.find(({ name }) => name === wanted);
  if (!found) throw new Error(`the document has no ${wanted}`);
  return found.operation;
};
const examplesOf = (described: Described | undefined) => described?.content?.['application/json']?.examples;
const headersOf = (responses: Operation['responses'], status: string) =>
  Object.keys(responses[status]?.headers ?? {}).join(' ');

const POST = '200 400 401 404 408 413 415 422 429 500 502';
const HIDDEN = 'Cache-Status Server-Timing';

describe('an operation', () => {
  it('is each of these, with these statuses, this body and these headers of its answer', () => {
    const table = operations.map(({ name, operation: { requestBody, responses } }) => {
      const { $ref = '' } = requestBody?.content?.['application/json']?.schema ?? {};
      return [name, Object.keys(responses).join(' '), $ref.replace(/.*\//, ''), headersOf(responses, '200')];
    });
    expect(table).toEqual([
      ['post /fill-mask', POST, 'FillMaskRequest', `X-Request-Id ${HIDDEN}`],
      ['get /fill-mask', '200 304 400 401 404 422 429 500 502', '', `X-Request-Id ETag ${HIDDEN}`],
      ['post /', POST, 'FillMaskRequest', `X-Request-Id ${HIDDEN}`],
      ['get /', '200', '', 'X-Request-Id ETag'],
      ['post /score', POST, 'ScoreRequest', `X-Request-Id ${HIDDEN}`],
      ['post /sentence-order', POST, 'SentenceRequest', `X-Request-Id ${HIDDEN}`],
      ['post /next-sentence', POST, 'SentenceRequest', `X-Request-Id ${HIDDEN}`],
      ['post /tokenize', POST, 'TokenizeRequest', 'X-Request-Id'],
      ['get /models', '200 429 500 502', '', 'X-Request-Id'],
      ['get /info', '200 404 429 500 502', '', 'X-Request-Id'],
      ['get /health', '200 404 500 502', '', 'X-Request-Id'],
      ['get /ready', '200 404 429 500 503', '', 'X-Request-Id'],
      ['get /metrics', '200 401 429 500', '', 'X-Request-Id'],
    ]);
  });

  it('has the headers of its errors, of which a wrong setting has no time to wait', () => {
    const errors = operations.flatMap(({ operation: { responses } }) =>
      Object.keys(responses)
        .filter((status) => Number(status) >= 400)
        .map((status) => `${status} ${headersOf(responses, status)}`),
    );
    expect(new Set(errors)).toEqual(
      new Set([
        ...[400, 404, 408, 413, 415, 422, 500].map((status) => `${status} X-Request-Id`),
        '401 X-Request-Id WWW-Authenticate',
        ...[429, 502, 503].map((status) => `${status} X-Request-Id Retry-After`),
      ]),
    );
    expect(find('get /ready').responses['503']?.headers?.['Retry-After']).toMatchObject({ required: false });
    expect(Object.entries(document.components.headers).map(([name, { required }]) => [name, required])).toEqual([
      ['X-Request-Id', true],
      ['Retry-After', true],
      ['WWW-Authenticate', true],
      ['ETag', true],
      ['Cache-Status', false],
      ['Server-Timing', false],
    ]);
  });

  it('has an example for every status, each of that status', () => {
    const without = operations.flatMap(({ name, operation: { responses } }) =>
      Object.entries(responses)
        .filter(([, described]) => described.content?.['application/json'] && !examplesOf(described))
        .map(([status]) => `${name} ${status}`),
    );
    // The default model has no such head.
    expect(without).toEqual(['post /next-sentence 200']);
    const { responses, requestBody } = find('post /score');
    expect(Object.keys(examplesOf(requestBody) ?? {})).toEqual(Object.keys(examplesOf(responses['200']) ?? {}));
    expect(
      Object.entries(responses).map(([status, one]) => [status, Object.keys(examplesOf(one) ?? {}).join(' ')]),
    ).toEqual([
      ['200', 'two-texts-that-differ-in-a-word each-token-masked-alone'],
      ['400', 'an-unknown-metric'],
      ['401', 'no-api-key an-unknown-or-a-replaced-api-key'],
      ['404', 'a-model-that-is-not-served'],
      ['408', 'a-body-that-never-ends'],
      ['413', 'too-large-a-body'],
      ['415', 'a-form'],
      ['422', 'a-text-with-a-mask'],
      ['429', 'too-much-work-at-once too-many-requests-of-one-caller'],
      ['500', 'a-fault-of-the-service'],
      ['502', 'a-model-that-is-not-in-the-bucket'],
    ]);
  });

  it('has its first example as code: a query for GET, a body for POST', () => {
    const codeOf = (name: string) => find(name)['x-codeSamples']?.map(({ source }) => source) ?? [];
    expect(find('post /')['x-codeSamples']?.map(({ lang }) => lang)).toEqual(['TypeScript', 'Python']);
    for (const code of codeOf('get /fill-mask')) {
      expect(code).toContain('/fill-mask?inputs=He+was+late+because+he+missed+the+%5BMASK%5D.&top_k=2"');
      expect(code).not.toMatch(/POST|data=/);
    }
    for (const code of codeOf('post /score')) expect(code).toMatch(/(?=[^]*\/score")[^]*"He has been there\."/);
    for (const code of codeOf('get /info')) expect(code).toMatch(/\/info"/);
  });
});

it('the fields of a body are the parameters of a query: a list where one is taken, and never null', () => {
  const parameters = find('get /fill-mask').parameters ?? [];
  expect(parameters.map(({ name, required, schema }) => [name, required, (schema as { type: string }).type])).toEqual([
    ['inputs', true, 'array'],
    ['top_k', false, 'integer'],
    ['targets', false, 'array'],
    ['strategy', false, 'string'],
    ['num_beams', false, 'integer'],
    ['filter', false, 'string'],
    ['whole_words', false, 'boolean'],
    ['return_offsets', false, 'boolean'],
    ['truncation', false, 'boolean'],
    ['If-None-Match', undefined, 'string'],
  ]);
});

it('a tuple is an array of its length, which generators take', () => {
  const { Offsets } = document.components.schemas;
  expect(Offsets?.properties?.['utf16']).toMatchObject({ items: { type: 'integer' }, minItems: 2, maxItems: 2 });
  expect(JSON.stringify(document)).not.toContain('prefixItems');
});

it('the document has the version of the package', () => {
  expect(document.info.version).toBe(packageJson.version);
});
