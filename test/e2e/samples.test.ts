/** The code in /openapi.json, run against the deployed worker. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { beforeAll, describe, expect, it } from 'vitest';

import examples from '../../src/http/examples.json' with { type: 'json' };
import type { Example } from '../../src/http/openapi.ts';
import { OPERATIONS } from '../../src/http/operations.ts';
import { SAMPLE_ORIGIN } from '../../src/page/sample-origin.ts';
import { askExample, type ExampleDocument } from './examples.ts';
import { useWorker } from './use-worker.ts';

const PYTHON = process.env['CLIENTS_PYTHON'];

interface Document extends ExampleDocument {
  readonly paths: Record<
    string,
    Record<
      string,
      { readonly operationId: string; readonly 'x-codeSamples'?: readonly { lang: string; source: string }[] }
    >
  >;
}

const worker = useWorker();
let document: Document;

beforeAll(async () => {
  document = (await (await fetch(new URL('/openapi.json', worker.url))).json()) as Document;
});

describe.each([
  { lang: 'TypeScript', command: process.execPath, args: ['--no-warnings', '--input-type=module-typescript', '-e'] },
  { lang: 'Python', command: PYTHON ?? '', args: ['-c'] },
])('$lang', ({ lang, command, args }) => {
  const title = command ? '$method $path' : '$method $path (skipped unless CLIENTS_PYTHON names a Python)';
  it.skipIf(!command).each(OPERATIONS)(`has code for ${title}`, async ({ id, path, method }) => {
    const source = document.paths[path]?.[method]?.['x-codeSamples']?.find((sample) => sample.lang === lang)?.source;
    const code = source?.replaceAll(SAMPLE_ORIGIN, worker.url.origin) ?? '';
    const example = (examples as Example[]).find(({ operation }) => operation === id);
    const { status, response } = await askExample(example ?? { operation: id }, document, worker.url);
    const found: unknown = await promisify(execFile)(command, [...args, code]).then(
      ({ stdout }) => JSON.parse(stdout) as unknown,
      (error: Error) => (/422|no_such_head/.test(error.message) ? 'refused' : error),
    );
    expect(found).toEqual(status === 200 ? response : 'refused');
    // The default model has no such head.
    expect(status === 200).toBe(id !== 'nextSentence');
  });
});
