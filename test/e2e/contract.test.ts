/** Tests the deployed worker against /openapi.json: a linter, every example, and a fuzzer. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';

import { createConfig, lintFromString } from '@redocly/openapi-core';
import { beforeAll, describe, expect, it } from 'vitest';

import examples from '../../src/http/examples.json' with { type: 'json' };
import type { Example } from '../../src/http/openapi.ts';
import { validatorOf } from '../openapi-validator.ts';
import { DOCUMENTS, refreshAnswers } from './document-answers.ts';
import { askExample, type ExampleDocument } from './examples.ts';
import { useWorker } from './use-worker.ts';

const PYTHON = process.env['CLIENTS_PYTHON'];

interface Document extends ExampleDocument {
  readonly components: { readonly schemas: Record<string, object> };
  readonly paths: Record<
    string,
    Record<
      string,
      {
        readonly operationId: string;
        readonly requestBody?: { content: { 'application/json': { schema: { $ref: string } } } };
        readonly responses: Record<string, { content?: { 'application/json': { schema: { $ref: string } } } }>;
      }
    >
  >;
}

const worker = useWorker();
let text: string;
let document: Document;

beforeAll(async () => {
  text = await (await fetch(new URL('/openapi.json', worker.url))).text();
  document = JSON.parse(text) as Document;
});

const operationOf = (id: string) =>
  Object.values(document.paths)
    .flatMap((methods) => Object.values(methods))
    .find(({ operationId }) => operationId === id);

describe('/openapi.json', () => {
  it('passes a linter', async () => {
    // /info and /health have no 4xx.
    const config = await createConfig({ extends: ['recommended-strict'], rules: { 'operation-4xx-response': 'off' } });
    const problems = await lintFromString({ source: text, config });
    expect(problems.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer])).toEqual([]);
  });

  it('has examples for every operation that answers JSON', () => {
    const ids = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).map((one) => one.operationId),
    );
    expect(new Set(['page', 'metrics', ...examples.map(({ operation }) => operation)])).toEqual(new Set(ids));
  });

  it.each(examples as Example[])('has the real response as its example: $operation, $summary', async (example) => {
    const { status, response } = await askExample(example, document, worker.url);
    expect(status).toBe(example.status);
    // To the last digit: the engine gives the same bits everywhere.
    expect(response).toEqual(example.response);

    const operation = operationOf(example.operation);
    const answer = operation?.responses[status]?.content?.['application/json'].schema.$ref;
    const isAnswer = validatorOf(document, answer ?? '');
    expect(isAnswer(response), JSON.stringify(isAnswer.errors)).toBe(true);
    const body = operation?.requestBody?.content['application/json'].schema.$ref;
    const isAsked = body === undefined || validatorOf(document, body)(example.request);
    expect(isAsked).toBe(body === undefined || status !== 400);
  });

  it.skipIf(!PYTHON)(
    'passes schemathesis (skipped unless CLIENTS_PYTHON names a Python with requirements.txt)',
    async () => {
      const given = ['-m', 'schemathesis.cli', '--config-file', join(import.meta.dirname, 'schemathesis.toml')];
      const run = promisify(execFile)(PYTHON ?? '', [...given, 'run', new URL('/openapi.json', worker.url).href], {
        // It leaves a folder in its working directory.
        cwd: tmpdir(),
        env: { ...process.env, SCHEMATHESIS_HOOKS: join(import.meta.dirname, 'schemathesis_hooks.py') },
      });
      const { code, said } = await run.then(
        ({ stdout }) => ({ code: 0, said: stdout }),
        (error: { code: number; stdout: string; stderr: string }) => ({
          code: error.code,
          said: error.stdout + error.stderr,
        }),
      );
      expect(code, said).toBe(0);
      console.log(said.slice(said.indexOf('Test cases')));
    },
    300_000,
  );
});

describe('the documents', () => {
  it.each(DOCUMENTS.map((path) => [relative(process.cwd(), path), path]))(
    '%s shows the real responses of the worker',
    async (_, path) => {
      const shown = await readFile(path, 'utf8');
      expect(await refreshAnswers(path, shown, worker.url)).toBe(shown);
    },
  );
});
