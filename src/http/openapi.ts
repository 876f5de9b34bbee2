/** `GET /openapi.json` (OpenAPI 3.1), from the schemas that validate and the examples that were recorded. No I/O. */
import { toJsonSchemaDefs } from '@valibot/to-json-schema';

import { MAX_BODY_BYTES } from '../limits.ts';
import examples from './examples.json' with { type: 'json' };
import { type Operation, OPERATIONS, type SchemaName, SCHEMAS, TAGS } from './operations.ts';

/** A question and what the default model answered, as `npm run record:examples` recorded it. */
export interface Example {
  /** Of the operation. */
  readonly operation: string;
  readonly summary: string;
  readonly request?: unknown;
  readonly status: number;
  readonly response: unknown;
}

/** What is at an address where questions are posted to. */
const PAGE = {
  operationId: 'page',
  tags: ['service'],
  summary: 'A page to try it on',
  responses: { 200: { description: 'The page.', content: { 'text/html': { schema: { type: 'string' } } } } },
};

/** Of the operations that are asked something, besides 200. */
const REFUSALS: Readonly<Record<number, string>> = {
  400: 'The request is malformed, or a field is of a wrong type or range.',
  413: `The body has more than ${MAX_BODY_BYTES} bytes.`,
  415: 'The body is not declared as JSON.',
  422: 'The model, or a limit, refuses a well-formed request.',
};
const FAULTS: Readonly<Record<number, string>> = {
  500: 'A fault of the service.',
  502: 'The model cannot be read from its bucket. The next request tries again.',
};

let made: object | undefined;

/** Made at the first call: it is always the same. */
export function openApiDocument(): object {
  made ??= makeDocument();
  return made;
}

function makeDocument() {
  const definitions = toJsonSchemaDefs(SCHEMAS, {
    target: 'draft-2020-12',
    typeMode: 'input',
    overrideRef: ({ referenceId }) => `#/components/schemas/${referenceId}`,
  });
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of OPERATIONS) {
    (paths[operation.path] ??= {})[operation.method] = describeOperation(operation, definitions);
  }
  paths['/'] = { ...paths['/'], get: PAGE };
  return {
    openapi: '3.1.1',
    info: {
      title: 'edge-fill-mask',
      version: '1',
      summary: 'Masked-token prediction at the edge',
      description:
        'Fills masks, scores texts, and tells how a model reads them. Examples are what the default model answered.\n\n' +
        'An error is a JSON object with a sentence that says what to do. `Cache-Status` says which memory answered, ' +
        '`Server-Timing` where the work went; `/tokenize` has neither. A request with `Cache-Control: no-cache` asks the model afresh; `no-store` also leaves ' +
        'nothing behind. Whatever stands before a deployment may answer 429, with `Retry-After`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [],
    tags: TAGS,
    paths,
    components: { schemas: definitions },
  };
}

function describeOperation(operation: Operation, definitions: Record<string, unknown>) {
  const { id, tag, method, summary, description, request, response } = operation;
  const recorded = (examples as readonly Example[]).filter(({ operation: of }) => of === id);
  const statuses = {
    ...(request && REFUSALS),
    ...FAULTS,
  };
  if (method === 'get') {
    delete statuses[413];
    delete statuses[415];
  }
  return {
    operationId: id,
    tags: [tag],
    summary,
    description,
    ...(request &&
      method === 'post' && {
        requestBody: {
          required: true,
          content: json(
            request,
            named(recorded, 200, ({ request: body }) => body),
          ),
        },
      }),
    ...(request && method === 'get' && { parameters: queryParameters(definitions) }),
    responses: {
      200: {
        description: 'The answer.',
        content: json(
          response,
          named(recorded, 200, (example) => example.response),
        ),
      },
      ...(request && method === 'get' && { 304: { description: 'It is what the client has.' } }),
      ...Object.fromEntries(
        Object.entries(statuses).map(([status, meaning]) => [
          status,
          {
            description: meaning,
            content: json(
              'Error',
              named(recorded, Number(status), (example) => example.response),
            ),
          },
        ]),
      ),
    },
  };
}

function json(schema: SchemaName, given: Record<string, object>) {
  const hasExamples = Object.keys(given).length > 0;
  return {
    'application/json': {
      schema: { $ref: `#/components/schemas/${schema}` },
      ...(hasExamples && { examples: given }),
    },
  };
}

/** Examples by names that are made of what they show. */
function named(recorded: readonly Example[], status: number, valueOf: (example: Example) => unknown) {
  return Object.fromEntries(
    recorded
      .filter((example) => example.status === status)
      .map((example) => [
        example.summary.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-'),
        { summary: example.summary, value: valueOf(example) },
      ]),
  );
}

interface JsonSchema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly anyOf?: readonly JsonSchema[];
  readonly type?: string;
}

/** The fields of the body as parameters of a query: of one or a list, the list, which is given by repeating it. */
function queryParameters(definitions: Record<string, unknown>) {
  const fieldsOf = (name: SchemaName) => (definitions[name] as JsonSchema).properties ?? {};
  const { inputs = {} } = fieldsOf('FillMaskRequest');
  return Object.entries({ inputs, ...fieldsOf('FillMaskParameters') }).map(([name, { description, ...schema }]) => {
    // A query has no null.
    const forms = formsOf(schema).filter(({ type }) => type !== 'null');
    const form = forms.find(({ type }) => type === 'array') ?? forms[0];
    return { name, in: 'query', description, required: name === 'inputs', schema: form };
  });
}

const formsOf = (schema: JsonSchema): readonly JsonSchema[] => schema.anyOf?.flatMap(formsOf) ?? [schema];
