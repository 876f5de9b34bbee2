/**
 * The OpenAPI 3.1 document, from the schemas that validate requests and from recorded examples. src/page/bundle.ts writes it to
 * the assets, so that the worker contains neither this code nor the examples. No I/O.
 */
import { toJsonSchemaDefs } from '@valibot/to-json-schema';

import packageJson from '../../package.json' with { type: 'json' };
import { BODY_TIMEOUT_MS, MAX_BODY_BYTES, MAX_TEXTS, RATE_LIMIT_PERIOD_S } from '../limits.ts';
import { describeError, describeUnavailable, type HttpError, INTERNAL } from './describe-error.ts';
import { SAMPLE_ORIGIN } from '../page/sample-origin.ts';
import { snippet } from '../page/snippets.ts';
import examples from './examples.json' with { type: 'json' };
import { type Operation, OPERATIONS, type SchemaName, SCHEMAS, TAGS } from './operations.ts';

/** A request and the answer of the default model, recorded by `npm run record:examples`. */
export interface Example {
  /** Id of the operation. */
  readonly operation: string;
  readonly summary: string;
  readonly request?: unknown;
  readonly status: number;
  readonly response: unknown;
}

const SAMPLES = [
  { lang: 'TypeScript', language: 'javascript' },
  { lang: 'Python', language: 'python' },
] as const;

/** `GET /`, beside the operation `POST /`. */
const PAGE = {
  operationId: 'page',
  tags: ['service'],
  summary: 'The page for people',
  responses: { 200: { description: 'The page.', content: { 'text/html': { schema: { type: 'string' } } } } },
};

/** Error responses of the operations with a request. */
const REQUEST_ERRORS: Readonly<Record<number, string>> = {
  400: 'The request is malformed, or a field has the wrong type or is out of range.',
  401: 'The deployment needs an API key, and the request has none that is valid.',
  408: 'The body did not arrive in time.',
  413: `The body is larger than ${MAX_BODY_BYTES} bytes.`,
  415: 'The body is a form or something else that is not JSON, or its charset or encoding is not known.',
  422: 'The request is well-formed, but the model cannot answer it or it exceeds a limit.',
  429: 'The worker has more work than it can do, or the caller asked too often. `Retry-After` says when to try again.',
};
/** Of the operations that may be asked below `/models/<id>`. */
const MODEL_ERRORS: Readonly<Record<number, string>> = {
  404: 'The deployment does not serve the model that the path or the body names.',
};
const SERVER_ERRORS: Readonly<Record<number, string>> = {
  500: 'The service failed.',
  502: 'The model cannot be read from its bucket. The next request reads it again.',
};

/** Errors that depend on the deployment or on the moment, so that none can be recorded: the worker makes their responses of the same. */
const ERRORS: readonly { readonly summary: string; readonly error: HttpError }[] = [
  { summary: 'No API key', error: { reason: 'key_missing' } },
  { summary: 'An unknown or a replaced API key', error: { reason: 'key_invalid' } },
  {
    summary: 'A model that is not served',
    error: { reason: 'unknown_model', model: 'nobody', served: ['albert-edge@0123456789abcdef'] },
  },
  { summary: 'A body that never ends', error: { reason: 'body_timeout', limit_ms: BODY_TIMEOUT_MS } },
  { summary: 'Too large a body', error: { reason: 'body_too_large', limit: MAX_BODY_BYTES } },
  { summary: 'A form', error: { reason: 'unsupported_media_type', received: 'application/x-www-form-urlencoded' } },
  { summary: 'Too many texts', error: { reason: 'too_many_texts', texts: 2 * MAX_TEXTS, limit: MAX_TEXTS } },
  { summary: 'Too much work at once', error: { reason: 'overloaded', retry_after_s: 2 } },
  {
    summary: 'Too many requests of one caller',
    error: { reason: 'rate_limited', of: 'requests', retry_after_s: RATE_LIMIT_PERIOD_S },
  },
];
const UNAVAILABLE = {
  error: describeUnavailable(
    'The object models/albert-edge/0123456789abcdef/manifest.json is missing from the bucket.',
  ),
  error_type: 'model_unavailable',
};
const FAULTS = [
  { status: 500, summary: 'A fault of the service', response: { error: INTERNAL, error_type: 'internal' } },
  { status: 502, summary: 'A model that is not in the bucket', response: UNAVAILABLE },
  { status: 503, summary: 'A model that is not in the bucket', response: UNAVAILABLE },
];

export function createOpenApiDocument(): object {
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
      version: packageJson.version,
      summary: 'Masked-token prediction at the edge',
      description:
        'Fills masks, scores, classifies and tokenizes texts. The examples are answers of the default model.\n\n' +
        'An error is a JSON object with a message that says what to do. `Cache-Status` says which cache answered, and ' +
        '`Server-Timing` says where the time went. A deployment may hide both, and `/tokenize` has neither. A request with `Cache-Control: no-cache` is ' +
        'computed again; with `no-store`, the answer is not stored either. A proxy before the deployment may answer 429 with ' +
        '`Retry-After`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    // Where the document itself is, which may be below a path.
    servers: [{ url: '.' }],
    // A deployment without API_KEYS needs none.
    security: [{}, { api_key: [] }],
    tags: TAGS,
    paths,
    components: {
      schemas: definitions,
      securitySchemes: {
        api_key: { type: 'http', scheme: 'bearer', description: 'Where the deployment has API keys.' },
      },
    },
  };
}

function describeOperation(operation: Operation, definitions: Record<string, unknown>) {
  const { id, tag, method, summary, description, request, response } = operation;
  const recorded = (examples as readonly Example[]).filter(({ operation: of }) => of === id);
  const statuses: Record<number, string> = {
    ...(request && REQUEST_ERRORS),
    ...(id !== 'models' && MODEL_ERRORS),
    ...SERVER_ERRORS,
  };
  if (id === 'ready') {
    delete statuses[502];
    statuses[503] = 'The model cannot be read from its bucket.';
  }
  if (method === 'get') {
    delete statuses[408];
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
      ...(request && method === 'get' && { 304: { description: 'The answer has not changed.' } }),
      ...Object.fromEntries(
        Object.entries(statuses).map(([status, meaning]) => [
          status,
          {
            description: meaning,
            content: json('Error', errorExamples(recorded, Number(status))),
          },
        ]),
      ),
    },
    'x-codeSamples': codeSamples(operation, recorded[0]?.request as SampleRequest | undefined),
  };
}

/** What a recorded example sends; for a GET, as a query. */
interface SampleRequest {
  readonly inputs: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/** The first example of an operation as code, by the extension of OpenAPI that documentation tools read. */
function codeSamples({ method, path }: Operation, request: SampleRequest | undefined): object[] {
  const url = new URL(path, SAMPLE_ORIGIN);
  if (method === 'get' && request) {
    url.searchParams.set('inputs', request.inputs);
    for (const [name, value] of Object.entries(request.parameters ?? {})) url.searchParams.set(name, String(value));
  }
  const body = method === 'post' ? request : undefined;
  return SAMPLES.map(({ lang, language }) => ({ lang, source: snippet(language, url.href, body) }));
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

/** Examples by name. The name is the summary in kebab case. */
function named<E extends Pick<Example, 'summary' | 'status'>>(
  recorded: readonly E[],
  status: number,
  valueOf: (example: E) => unknown,
) {
  return Object.fromEntries(
    recorded
      .filter((example) => example.status === status)
      .map((example) => [
        example.summary.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-'),
        { summary: example.summary, value: valueOf(example) },
      ]),
  );
}

/** The recorded examples of a status; of a status without any, those of the errors above. */
function errorExamples(recorded: readonly Example[], status: number) {
  const own = named(recorded, status, (example) => example.response);
  if (Object.keys(own).length > 0) return own;
  const errors = ERRORS.map(({ summary, error }) => {
    const described = describeError(error);
    return { summary, status: described.status, response: { error: described.message, error_type: error.reason } };
  });
  return named([...errors, ...FAULTS], status, ({ response }) => response);
}

interface JsonSchema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly anyOf?: readonly JsonSchema[];
  readonly type?: string;
}

/** The fields of the body as query parameters. A field that takes one value or a list becomes a list, sent as a repeated parameter. */
function queryParameters(definitions: Record<string, unknown>) {
  const fieldsOf = (name: SchemaName) => (definitions[name] as JsonSchema).properties ?? {};
  const { inputs = {} } = fieldsOf('FillMaskRequest');
  return Object.entries({ inputs, ...fieldsOf('FillMaskParameters') }).map(([name, { description, ...schema }]) => {
    // A query cannot hold null.
    const forms = formsOf(schema).filter(({ type }) => type !== 'null');
    const form = forms.find(({ type }) => type === 'array') ?? forms[0];
    return { name, in: 'query', description, required: name === 'inputs', schema: form };
  });
}

const formsOf = (schema: JsonSchema): readonly JsonSchema[] => schema.anyOf?.flatMap(formsOf) ?? [schema];
