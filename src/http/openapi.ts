/** `GET /openapi.json` (OpenAPI 3.1), from the schemas that validate and the examples that were recorded. No I/O. */
import { toJsonSchemaDefs } from '@valibot/to-json-schema';
import type * as v from 'valibot';

import { MAX_BODY_BYTES } from '../limits.ts';
import examples from './examples.json' with { type: 'json' };
import { offsets } from './schemas/fields.ts';
import { candidate, fillMaskParameters, fillMaskRequest, fillMaskResponse } from './schemas/fill-mask.ts';
import { scored, scoreRequest, scoreResponse } from './schemas/score.ts';
import { nextSentenceResponse, pair, sentenceOrderResponse, sentenceRequest } from './schemas/sentence.ts';
import { errorResponse, healthResponse, infoResponse } from './schemas/service.ts';
import { tokenized, tokenizeRequest, tokenizeResponse } from './schemas/tokenize.ts';

/** By the names that the document gives them. */
const SCHEMAS = {
  FillMaskRequest: fillMaskRequest,
  FillMaskParameters: fillMaskParameters,
  FillMaskResponse: fillMaskResponse,
  Candidate: candidate,
  Offsets: offsets,
  ScoreRequest: scoreRequest,
  ScoreResponse: scoreResponse,
  Score: scored,
  SentenceRequest: sentenceRequest,
  Pair: pair,
  SentenceOrderResponse: sentenceOrderResponse,
  NextSentenceResponse: nextSentenceResponse,
  TokenizeRequest: tokenizeRequest,
  TokenizeResponse: tokenizeResponse,
  Tokenized: tokenized,
  Health: healthResponse,
  Info: infoResponse,
  Error: errorResponse,
} satisfies Record<string, v.GenericSchema>;
type SchemaName = keyof typeof SCHEMAS;

/** A question and what the default model answered, as `npm run examples` recorded it. */
export interface Example {
  /** Of the operation. */
  readonly operation: string;
  readonly summary: string;
  readonly request?: unknown;
  readonly status: number;
  readonly response: unknown;
}

interface Operation {
  readonly id: string;
  readonly path: string;
  readonly method: 'get' | 'post';
  readonly summary: string;
  readonly description: string;
  /** Of its body; a GET with one has it as a query. */
  readonly request?: SchemaName;
  readonly response: SchemaName;
}

const OPERATIONS: readonly Operation[] = [
  {
    id: 'fillMask',
    path: '/fill-mask',
    method: 'post',
    summary: 'Fill the masks of a text',
    description:
      'The Hugging Face fill-mask task. The same is answered at `/`, for clients that take the URL of an endpoint. Scores are ' +
      'probabilities over the whole vocabulary.',
    request: 'FillMaskRequest',
    response: 'FillMaskResponse',
  },
  {
    id: 'fillMaskAtRoot',
    path: '/',
    method: 'post',
    summary: 'Fill the masks of a text',
    description: 'As `/fill-mask`.',
    request: 'FillMaskRequest',
    response: 'FillMaskResponse',
  },
  {
    id: 'fillMaskByQuery',
    path: '/fill-mask',
    method: 'get',
    summary: 'The same question in a form that any HTTP cache can keep',
    description: 'Answers have an `ETag`; `If-None-Match` is answered by 304.',
    request: 'FillMaskRequest',
    response: 'FillMaskResponse',
  },
  {
    id: 'score',
    path: '/score',
    method: 'post',
    summary: 'How likely a text is: its pseudo-log-likelihood',
    description:
      'The sum over the tokens of a text of the logarithm of the probability that each has where it stands, given all others. Of ' +
      'two texts of the same words the model finds the one with the higher score the likelier.',
    request: 'ScoreRequest',
    response: 'ScoreResponse',
  },
  {
    id: 'sentenceOrder',
    path: '/sentence-order',
    method: 'post',
    summary: 'Whether two texts stand in their order (ALBERT)',
    description: 'The sentence-order head (SOP). A model without it answers 422.',
    request: 'SentenceRequest',
    response: 'SentenceOrderResponse',
  },
  {
    id: 'nextSentence',
    path: '/next-sentence',
    method: 'post',
    summary: 'Whether a text follows another (BERT)',
    description: 'The next-sentence head (NSP). A model without it answers 422.',
    request: 'SentenceRequest',
    response: 'NextSentenceResponse',
  },
  {
    id: 'tokenize',
    path: '/tokenize',
    method: 'post',
    summary: 'A text as the model reads it',
    description: 'Ids and pieces, and where each stands in the text as it was sent.',
    request: 'TokenizeRequest',
    response: 'TokenizeResponse',
  },
  {
    id: 'info',
    path: '/info',
    method: 'get',
    summary: 'What is served, and its limits',
    description: 'The model, its revision, heads and measured quantization error, and what one request may ask for.',
    response: 'Info',
  },
  {
    id: 'health',
    path: '/health',
    method: 'get',
    summary: 'Whether the service answers',
    description: 'Never reads the model.',
    response: 'Health',
  },
];

/** What is at an address where questions are posted to. */
const PAGE = {
  operationId: 'page',
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
  paths['/'] = { get: PAGE };
  for (const operation of OPERATIONS) {
    (paths[operation.path] ??= {})[operation.method] = describeOperation(operation, definitions);
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'edge-fill-mask',
      version: '1',
      summary: 'Masked-token prediction at the edge',
      description:
        'Fills masks, scores texts, and tells how a model reads them. Examples are what the default model answered.\n\n' +
        'An error is a JSON object with a sentence that says what to do. `Cache-Status` says which memory answered, ' +
        '`Server-Timing` where the work went. A request with `Cache-Control: no-cache` asks the model afresh; `no-store` also leaves ' +
        'nothing behind. Whatever stands before a deployment may answer 429, with `Retry-After`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [],
    paths,
    components: { schemas: definitions },
  };
}

function describeOperation(operation: Operation, definitions: Record<string, unknown>) {
  const { id, method, summary, description, request, response } = operation;
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

/** The parameters of the body as those of a query: the lists may be given several times. */
function queryParameters(definitions: Record<string, unknown>) {
  const { properties } = definitions['FillMaskParameters'] as {
    properties: Record<string, { description?: string; anyOf?: object[] }>;
  };
  const list = { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1 };
  const other = Object.entries(properties).map(([name, { description, ...schema }]) => {
    // A query has no null.
    const [only = schema] = schema.anyOf ?? [];
    return { name, in: 'query', description, schema: name === 'targets' ? list : only };
  });
  const description = 'A text with masks; given several times, several texts.';
  return [{ name: 'inputs', in: 'query', required: true, description, schema: list }, ...other];
}
