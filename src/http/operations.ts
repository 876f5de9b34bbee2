/** The operations of the OpenAPI document. No I/O. */
import * as v from 'valibot';

import { offsets } from '../schemas/fields.ts';
import { candidate, fillMaskParameters, fillMaskRequest, fillMaskResponse } from '../schemas/fill-mask.ts';
import { scored, scoreRequest, scoreResponse } from '../schemas/score.ts';
import { nextSentenceResponse, pair, sentenceOrderResponse, sentenceRequest } from '../schemas/sentence.ts';
import { errorResponse, healthResponse, infoResponse, modelsResponse, readyResponse } from '../schemas/service.ts';
import { tokenized, tokenizeRequest, tokenizeResponse } from '../schemas/tokenize.ts';
import { ERROR_TYPES, type ErrorType } from './error-types.ts';

const errorType = v.pipe(
  v.picklist(Object.keys(ERROR_TYPES) as ErrorType[]),
  v.description(
    [
      'The kind of error, for programs:\n',
      ...Object.entries(ERROR_TYPES).map(
        ([type, { statuses, meaning, retry }]) =>
          `- \`${type}\` (${statuses.join(' or ')}): ${meaning} Send the same request again: ${retry}.`,
      ),
    ].join('\n'),
  ),
);

/** By their names in the document. */
export const SCHEMAS = {
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
  Ready: readyResponse,
  Info: infoResponse,
  Models: modelsResponse,
  Error: v.object({ ...errorResponse.entries, error_type: errorType }),
  ErrorType: errorType,
} satisfies Record<string, v.GenericSchema>;
export type SchemaName = keyof typeof SCHEMAS;

export const TAGS = [
  { name: 'masks', description: 'Predict the words in place of masks.' },
  { name: 'texts', description: 'Score, classify and tokenize texts.' },
  { name: 'service', description: 'Describe the deployment.' },
] as const;

export interface Operation {
  readonly id: string;
  readonly tag: (typeof TAGS)[number]['name'];
  readonly path: string;
  readonly method: 'get' | 'post';
  readonly summary: string;
  readonly description: string;
  /** Whether its answers are cached, and so have the headers that say how they came about. */
  readonly isCached?: true;
  /** Schema of the body. For a GET, its fields are query parameters. */
  readonly request?: SchemaName;
  readonly response: SchemaName;
}

export const OPERATIONS: readonly Operation[] = [
  {
    id: 'fillMask',
    tag: 'masks',
    path: '/fill-mask',
    method: 'post',
    summary: 'Fill the masks of a text',
    description:
      'The Hugging Face fill-mask task. `POST /` is the same operation, for clients that take the URL of an endpoint. Scores ' +
      'are probabilities over the whole vocabulary.',
    request: 'FillMaskRequest',
    response: 'FillMaskResponse',
    isCached: true,
  },
  {
    id: 'fillMaskAtRoot',
    tag: 'masks',
    path: '/',
    method: 'post',
    summary: 'Fill the masks of a text',
    description: 'The same as `POST /fill-mask`.',
    request: 'FillMaskRequest',
    response: 'FillMaskResponse',
    isCached: true,
  },
  {
    id: 'fillMaskByQuery',
    tag: 'masks',
    path: '/fill-mask',
    method: 'get',
    summary: 'Fill the masks of a text, with an answer that HTTP caches can store',
    description:
      'A single `inputs` is a text. A repeated one is a list of texts, and so is `inputs[]` or `inputs[0]`, also a list of one; ' +
      'the same holds for `targets`. Answers have an `ETag`. A request with a matching `If-None-Match` is answered with 304.',
    request: 'FillMaskRequest',
    response: 'FillMaskResponse',
    isCached: true,
  },
  {
    id: 'score',
    tag: 'texts',
    path: '/score',
    method: 'post',
    summary: 'Score a text with its pseudo-log-likelihood',
    description:
      'Sums the log-probability of each token in its place, given the other tokens. Of two texts of similar length, the one ' +
      'with the higher score is more likely to the model.',
    request: 'ScoreRequest',
    response: 'ScoreResponse',
    isCached: true,
  },
  {
    id: 'sentenceOrder',
    tag: 'texts',
    path: '/sentence-order',
    method: 'post',
    summary: 'Classify whether two texts are in order (ALBERT)',
    description: 'Uses the sentence-order prediction head (SOP). A model without this head answers 422.',
    request: 'SentenceRequest',
    response: 'SentenceOrderResponse',
    isCached: true,
  },
  {
    id: 'nextSentence',
    tag: 'texts',
    path: '/next-sentence',
    method: 'post',
    summary: 'Classify whether a text follows another (BERT)',
    description: 'Uses the next-sentence prediction head (NSP). A model without this head answers 422.',
    request: 'SentenceRequest',
    response: 'NextSentenceResponse',
    isCached: true,
  },
  {
    id: 'tokenize',
    tag: 'texts',
    path: '/tokenize',
    method: 'post',
    summary: 'Tokenize a text',
    description: 'Returns the id, the piece and the offsets of each token.',
    request: 'TokenizeRequest',
    response: 'TokenizeResponse',
  },
  {
    id: 'models',
    tag: 'service',
    path: '/models',
    method: 'get',
    summary: 'List the models of the deployment',
    description:
      'Each model has every route below its own path, such as `POST /models/albert-edge/fill-mask`. A body may name its model ' +
      'in `model` too.',
    response: 'Models',
  },
  {
    id: 'info',
    tag: 'service',
    path: '/info',
    method: 'get',
    summary: 'Describe the model and the limits',
    description:
      'Returns the model, its revision, heads and measured quantization error, and the limits of one request.',
    response: 'Info',
  },
  {
    id: 'health',
    tag: 'service',
    path: '/health',
    method: 'get',
    summary: 'Check that the service answers',
    description: 'Does not read the model.',
    response: 'Health',
  },
  {
    id: 'ready',
    tag: 'service',
    path: '/ready',
    method: 'get',
    summary: 'Whether the model can be read',
    description:
      'Loads the model. Where another model would have to leave the isolate for it, its manifest alone is read. Answers 503 with ' +
      'the reason when it cannot be read.',
    response: 'Ready',
  },
];
