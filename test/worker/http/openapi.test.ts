import { kind } from '#kind';
import { expect, it } from 'vitest';

import { createApp } from '../../../src/app.ts';
import packageJson from '../../../package.json' with { type: 'json' };
import { createOpenApiDocument } from '../../../src/http/openapi.ts';
import { MAX_BODY_BYTES } from '../../../src/limits.ts';
import { freshApp } from '../bucket.ts';

interface Document {
  readonly info: { readonly version: string };
  readonly paths: Record<string, Record<string, { readonly responses: Record<string, Described> }>>;
}
interface Described {
  readonly content?: Record<string, { readonly examples?: Record<string, { readonly value: unknown }> }>;
}

const document = createOpenApiDocument() as Document;

/** The documents themselves, and the metrics of the owner. */
const UNDOCUMENTED = new Set(['GET /openapi.json', 'GET /docs', 'GET /metrics']);

it('every route is in the OpenAPI document, and nothing else', () => {
  const routes = createApp(kind)
    .routes.filter(({ method, path }) => method !== 'ALL' && !path.startsWith('/models/:model'))
    .map(({ method, path }) => `${method} ${path}`)
    .filter((route) => !UNDOCUMENTED.has(route));
  const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(new Set(routes)).toEqual(new Set(documented));
});

it('the document has the version of the package', () => {
  expect(document.info.version).toBe(packageJson.version);
});

it('every status of every operation has an example', () => {
  const without = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { responses }]) =>
      Object.entries(responses)
        .filter(([, { content }]) => content?.['application/json'] && !content['application/json'].examples)
        .map(([status]) => `${method} ${path} ${status}`),
    ),
  );
  // The default model has no such head.
  expect(without).toEqual(['post /next-sentence 200']);
});

it('examples that no worker recorded are what a worker answers', async () => {
  const app = freshApp({ API_KEYS: 'a-key-of-20-characters' });
  const bucket = { get: () => Promise.resolve(null) } as unknown as R2Bucket;
  const post = { method: 'POST', body: 'inputs=a', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
  const answers = {
    401: await app.request('/score', post),
    413: await freshApp().ask(JSON.stringify({ inputs: 'a'.repeat(MAX_BODY_BYTES) }), '/score'),
    415: await freshApp().request('/score', post),
    502: await freshApp({ MODEL: 'albert-edge@0123456789abcdef', MODELS: bucket }).ask({ inputs: 'A dog.' }, '/score'),
  };
  for (const [status, response] of Object.entries(answers)) {
    expect(String(response.status)).toBe(status);
    const examples = document.paths['/score']?.['post']?.responses[status]?.content?.['application/json']?.examples;
    const values = Object.values(examples ?? {}).map(({ value }) => value);
    expect(values).toContainEqual(await response.json());
  }
});
