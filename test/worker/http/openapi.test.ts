import { kind } from '#kind';
import { expect, it } from 'vitest';

import { createApp } from '../../../src/app.ts';
import { createOpenApiDocument } from '../../../src/http/openapi.ts';

/** The documents themselves, and the metrics of the owner. */
const UNDOCUMENTED = new Set(['GET /openapi.json', 'GET /docs', 'GET /metrics']);

it('every route is in the OpenAPI document, and nothing else', () => {
  const routes = createApp(kind)
    .routes.filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method} ${path}`)
    .filter((route) => !UNDOCUMENTED.has(route));
  const { paths } = createOpenApiDocument() as { paths: Record<string, Record<string, unknown>> };
  const documented = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(new Set(routes)).toEqual(new Set(documented));
});
