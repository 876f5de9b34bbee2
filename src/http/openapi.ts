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

/** By their names. All but the last two are always there. */
const HEADERS = {
  'X-Request-Id': { description: 'The id of the request in the log. A request may bring its own.', type: 'string' },
  'Retry-After': { description: 'Seconds after which the same request may succeed.', type: 'integer' },
  'WWW-Authenticate': { description: 'How to send a key (RFC 6750).', type: 'string' },
  ETag: { description: 'The version of the answer, for `If-None-Match`.', type: 'string' },
  'Cache-Status': { description: 'Which cache answered (RFC 9211). A deployment may hide it.', type: 'string' },
  'Server-Timing': { description: 'Where the work went. A deployment may hide it.', type: 'string' },
} as const;
const MAY_BE_HIDDEN: readonly HeaderName[] = ['Cache-Status', 'Server-Timing'];
type HeaderName = keyof typeof HEADERS;

const IF_NONE_MATCH = {
  name: 'If-None-Match',
  in: 'header',
  description: 'The `ETag` of an earlier answer. An answer that has not changed is 304, without a body.',
  schema: { type: 'string' },
};

/** What answers no JSON: `GET /`, beside the operation `POST /`, and the metrics. */
const PAGE = {
  operationId: 'page',
  tags: ['service'],
  summary: 'The page for people',
  description: 'Fills gaps in a sentence while a person types.',
  responses: {
    200: {
      description: 'The page.',
      headers: references(['X-Request-Id', 'ETag']),
      content: { 'text/html': { schema: { type: 'string' } } },
    },
  },
};
const METRICS = {
  operationId: 'metrics',
  tags: ['service'],
  summary: 'Counters of an isolate',
  description:
    'In the text format of Prometheus. An isolate counts for itself, from its start; a data center has many of them. A deployment with API keys asks for one.',
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
/** Of the operations that count against a rate limit. */
const ASKED_TOO_OFTEN = { 429: REQUEST_ERRORS[429] ?? '' };
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
    overrideSchema: ({ jsonSchema }) => withoutTuple(jsonSchema as JsonSchema),
  });
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of OPERATIONS) {
    (paths[operation.path] ??= {})[operation.method] = describeOperation(operation, definitions);
  }
  paths['/'] = { ...paths['/'], get: PAGE };
  paths['/metrics'] = { get: describeMetrics() };
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
      headers: Object.fromEntries(
        (Object.keys(HEADERS) as HeaderName[]).map((name) => [
          name,
          describeHeader(name, !MAY_BE_HIDDEN.includes(name)),
        ]),
      ),
      securitySchemes: {
        api_key: { type: 'http', scheme: 'bearer', description: 'Where the deployment has API keys.' },
      },
    },
  };
}

function describeOperation(operation: Operation, definitions: Record<string, unknown>) {
  const { id, tag, method, summary, description, request, response, isCached = false } = operation;
  const isQuery = request !== undefined && method === 'get';
  const answerHeaders: HeaderName[] = [...(isQuery ? (['ETag'] as const) : []), ...(isCached ? MAY_BE_HIDDEN : [])];
  const recorded = (examples as readonly Example[]).filter(({ operation: of }) => of === id);
  const statuses: Record<number, string> = {
    ...(request && REQUEST_ERRORS),
    ...(id !== 'health' && ASKED_TOO_OFTEN),
    ...(id !== 'models' && MODEL_ERRORS),
    ...SERVER_ERRORS,
  };
  if (id === 'ready') {
    delete statuses[502];
    statuses[503] = 'The model cannot be read from its bucket, or a setting is wrong.';
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
    ...(isQuery && { parameters: [...queryParameters(definitions), IF_NONE_MATCH] }),
    responses: {
      200: {
        description: 'The answer.',
        headers: references(['X-Request-Id', ...answerHeaders]),
        content: json(
          response,
          named(recorded, 200, (example) => example.response),
        ),
      },
      ...(isQuery && {
        304: { description: 'The answer has not changed.', headers: references(['X-Request-Id', ...answerHeaders]) },
      }),
      ...describeErrors(statuses, recorded),
    },
    'x-codeSamples': codeSamples(operation, recorded[0]?.request as SampleRequest | undefined),
  };
}

function describeMetrics() {
  const content = { 'text/plain': { schema: { type: 'string' } } };
  const statuses = { 401: REQUEST_ERRORS[401] ?? '', ...ASKED_TOO_OFTEN, 500: SERVER_ERRORS[500] ?? '' };
  return {
    ...METRICS,
    responses: {
      200: { description: 'The counters.', headers: references(['X-Request-Id']), content },
      ...describeErrors(statuses, []),
    },
  };
}

function describeErrors(statuses: Readonly<Record<number, string>>, recorded: readonly Example[]) {
  return Object.fromEntries(
    Object.entries(statuses).map(([status, description]) => [
      status,
      {
        description,
        headers: {
          ...references(['X-Request-Id', ...(ERROR_HEADERS[Number(status)] ?? [])]),
          // To wait does not mend a wrong setting.
          ...(status === '503' && { 'Retry-After': describeHeader('Retry-After', false) }),
        },
        content: json('Error', errorExamples(recorded, Number(status))),
      },
    ]),
  );
}

const ERROR_HEADERS: Readonly<Record<number, readonly HeaderName[]>> = {
  401: ['WWW-Authenticate'],
  429: ['Retry-After'],
  502: ['Retry-After'],
};

function describeHeader(name: HeaderName, required: boolean) {
  const { description, type } = HEADERS[name];
  return { description, required, schema: { type } };
}

function references(names: readonly HeaderName[]) {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
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
  readonly prefixItems?: readonly JsonSchema[];
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

/** Several generators refuse `prefixItems`: a tuple is described as an array of a fixed length. @throws if its items differ */
function withoutTuple({ prefixItems, ...schema }: JsonSchema): object | undefined {
  if (!prefixItems) return undefined;
  const [items] = prefixItems;
  if (!items || prefixItems.some((other) => JSON.stringify(other) !== JSON.stringify(items))) {
    throw new Error('a tuple of different items cannot be described as an array');
  }
  return { ...schema, items, minItems: prefixItems.length, maxItems: prefixItems.length };
}

const formsOf = (schema: JsonSchema): readonly JsonSchema[] => schema.anyOf?.flatMap(formsOf) ?? [schema];
