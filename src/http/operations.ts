/** What can be asked, as the OpenAPI document tells it. No I/O. */
import type * as v from 'valibot';

import { offsets } from '../schemas/fields.ts';
import { candidate, fillMaskParameters, fillMaskRequest, fillMaskResponse } from '../schemas/fill-mask.ts';
import { scored, scoreRequest, scoreResponse } from '../schemas/score.ts';
import { nextSentenceResponse, pair, sentenceOrderResponse, sentenceRequest } from '../schemas/sentence.ts';
import { errorResponse, healthResponse, infoResponse } from '../schemas/service.ts';
import { tokenized, tokenizeRequest, tokenizeResponse } from '../schemas/tokenize.ts';

/** By the names that the document gives them. */
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
  Info: infoResponse,
  Error: errorResponse,
} satisfies Record<string, v.GenericSchema>;
export type SchemaName = keyof typeof SCHEMAS;

export const TAGS = [
  { name: 'masks', description: 'What may stand in the place of a mask.' },
  { name: 'texts', description: 'What the model makes of whole texts.' },
  { name: 'service', description: 'What is served.' },
] as const;

export interface Operation {
  readonly id: string;
  readonly tag: (typeof TAGS)[number]['name'];
  readonly path: string;
  readonly method: 'get' | 'post';
  readonly summary: string;
  readonly description: string;
  /** Of its body; a GET with one has it as a query. */
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
      'The Hugging Face fill-mask task. The same is answered at `/`, for clients that take the URL of an endpoint. Scores are ' +
      'probabilities over the whole vocabulary.',
    request: 'FillMaskRequest',
    response: 'FillMaskResponse',
  },
  {
    id: 'fillMaskAtRoot',
    tag: 'masks',
    path: '/',
    method: 'post',
    summary: 'Fill the masks of a text',
    description: 'As `/fill-mask`.',
    request: 'FillMaskRequest',
    response: 'FillMaskResponse',
  },
  {
    id: 'fillMaskByQuery',
    tag: 'masks',
    path: '/fill-mask',
    method: 'get',
    summary: 'The same question in a form that any HTTP cache can keep',
    description: 'Answers have an `ETag`; `If-None-Match` is answered by 304.',
    request: 'FillMaskRequest',
    response: 'FillMaskResponse',
  },
  {
    id: 'score',
    tag: 'texts',
    path: '/score',
    method: 'post',
    summary: 'How likely a text is: its pseudo-log-likelihood',
    description:
      'The sum over the tokens of a text of the logarithm of the probability that each has where it stands, given the others. Of ' +
      'two texts of the same words the model finds the one with the higher score the likelier.',
    request: 'ScoreRequest',
    response: 'ScoreResponse',
  },
  {
    id: 'sentenceOrder',
    tag: 'texts',
    path: '/sentence-order',
    method: 'post',
    summary: 'Whether two texts stand in their order (ALBERT)',
    description: 'The sentence-order head (SOP). A model without it answers 422.',
    request: 'SentenceRequest',
    response: 'SentenceOrderResponse',
  },
  {
    id: 'nextSentence',
    tag: 'texts',
    path: '/next-sentence',
    method: 'post',
    summary: 'Whether a text follows another (BERT)',
    description: 'The next-sentence head (NSP). A model without it answers 422.',
    request: 'SentenceRequest',
    response: 'NextSentenceResponse',
  },
  {
    id: 'tokenize',
    tag: 'texts',
    path: '/tokenize',
    method: 'post',
    summary: 'A text as the model reads it',
    description: 'Ids and pieces, and where each stands in the text as it was sent.',
    request: 'TokenizeRequest',
    response: 'TokenizeResponse',
  },
  {
    id: 'info',
    tag: 'service',
    path: '/info',
    method: 'get',
    summary: 'What is served, and its limits',
    description: 'The model, its revision, heads and measured quantization error, and what one request may ask for.',
    response: 'Info',
  },
  {
    id: 'health',
    tag: 'service',
    path: '/health',
    method: 'get',
    summary: 'Whether the service answers',
    description: 'Never reads the model.',
    response: 'Health',
  },
];
