/** Sends the examples of the OpenAPI document to a running worker. `npm run record:examples` records the answers again. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { format, resolveConfig } from 'prettier';

import examples from '../../src/http/examples.json' with { type: 'json' };
import type { Example } from '../../src/http/openapi.ts';
import { buildSelected, deploy } from '../deployed.ts';
import { readOptions } from '../options.ts';
import { DOCUMENTS, refreshAnswers } from './document-answers.ts';

/** The part of the document that is needed to send an example. */
export interface ExampleDocument {
  readonly paths: Record<string, Record<string, { readonly operationId: string }>>;
}

/** @throws if the document has no such operation */
export async function askExample(
  { operation, request }: Pick<Example, 'operation' | 'request'>,
  document: ExampleDocument,
  base: URL,
): Promise<{ status: number; response: unknown }> {
  const found = Object.entries(document.paths)
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => ({ path, method, operationId })),
    )
    .find(({ operationId }) => operationId === operation);
  if (!found) throw new Error(`the document has no operation ${operation}`);
  const url = new URL(found.path, base);
  const isPosted = found.method === 'post';
  if (!isPosted && request !== undefined) url.search = toQuery(request).toString();
  const response = await fetch(url, {
    method: found.method,
    ...(isPosted && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(request) }),
  });
  return { status: response.status, response: await response.json() };
}

function toQuery(request: unknown): URLSearchParams {
  const { inputs, parameters = {} } = request as { inputs: string; parameters?: Record<string, unknown> };
  return new URLSearchParams({
    inputs,
    ...Object.fromEntries(Object.entries(parameters).map(([k, value]) => [k, String(value)])),
  });
}

async function record(): Promise<void> {
  const worker = await deploy(await buildSelected());
  try {
    const document = (await (await fetch(new URL('/openapi.json', worker.url))).json()) as ExampleDocument;
    const recorded: Example[] = [];
    for (const { operation, summary, request } of examples as Example[]) {
      const answer = await askExample({ operation, request }, document, worker.url);
      recorded.push({ operation, summary, ...(request !== undefined && { request }), ...answer });
    }
    const file = join(import.meta.dirname, '../../src/http/examples.json');
    await writeFile(file, await format(JSON.stringify(recorded), { ...(await resolveConfig(file)), parser: 'json' }));
    for (const { operation, summary, status } of recorded) console.log(status, operation, summary);
    for (const name of DOCUMENTS) {
      await writeFile(name, await refreshAnswers(name, await readFile(name, 'utf8'), worker.url));
    }
  } finally {
    await worker.close();
  }
}

if (process.argv[1] === import.meta.filename) {
  readOptions('npm run record:examples', {});
  await record();
}
