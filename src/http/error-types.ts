/** Every `error_type`, for the documents: the compiler asks for a row when an error is added. The worker does not read this file. No I/O. */
import type { Fault, HttpError } from './describe-error.ts';

/** Of every answer that is an error. Nobody reads the answer to a client that has left. */
export type ErrorType = Exclude<HttpError['reason'], 'client_closed'> | Fault;

interface Described {
  readonly statuses: readonly [number, ...number[]];
  readonly meaning: string;
  /** Whether the same request may succeed later. */
  readonly retry: 'no' | 'yes' | 'after `Retry-After`';
}

export const ERROR_TYPES: Readonly<Record<ErrorType, Described>> = {
  invalid_json: {
    statuses: [400],
    meaning: 'The body is not JSON, or has bytes that its charset does not have.',
    retry: 'no',
  },
  invalid_request: {
    statuses: [400],
    meaning: 'A field or a parameter is missing, unknown, of a wrong type or out of range.',
    retry: 'no',
  },
  key_missing: { statuses: [401], meaning: 'The deployment needs an API key, and the request has none.', retry: 'no' },
  key_malformed: { statuses: [401], meaning: 'The header `authorization` has no bearer token.', retry: 'no' },
  key_invalid: { statuses: [401], meaning: 'The API key is unknown. It may have been replaced.', retry: 'no' },
  not_found: { statuses: [404], meaning: 'There is no such route.', retry: 'no' },
  unknown_model: { statuses: [404], meaning: 'The deployment does not serve this model.', retry: 'no' },
  method_not_allowed: {
    statuses: [405],
    meaning: 'The route has no such method. `Allow` lists those that it has.',
    retry: 'no',
  },
  body_timeout: { statuses: [408], meaning: 'The body did not arrive in time.', retry: 'yes' },
  body_too_large: { statuses: [413], meaning: 'The body has too many bytes.', retry: 'no' },
  unsupported_media_type: {
    statuses: [415],
    meaning: 'The body is a form or something else that is not JSON, or its charset is not known.',
    retry: 'no',
  },
  unsupported_content_encoding: {
    statuses: [415],
    meaning: 'The body is compressed in another way than gzip or deflate.',
    retry: 'no',
  },
  too_many_texts: { statuses: [422], meaning: 'The list has too many texts.', retry: 'no' },
  no_mask: { statuses: [422], meaning: 'A text has no mask.', retry: 'no' },
  has_mask: { statuses: [422], meaning: 'A text has a mask, and the route scores whole texts.', retry: 'no' },
  mixed_masks: { statuses: [422], meaning: 'A text spells its masks in two ways.', retry: 'no' },
  masks_not_found: {
    statuses: [422],
    meaning: "The model's tokenizer reads a mask of the text as something else.",
    retry: 'no',
  },
  no_tokens: { statuses: [422], meaning: 'A text has nothing that the model reads.', retry: 'no' },
  too_many_masks: { statuses: [422], meaning: 'A text has too many masks.', retry: 'no' },
  masks_too_far_apart: {
    statuses: [422],
    meaning: 'A text cannot be truncated around its masks: they span more than the model reads.',
    retry: 'no',
  },
  text_too_long: { statuses: [422], meaning: 'A text has too many characters.', retry: 'no' },
  text_grows_too_long: {
    statuses: [422],
    meaning: 'A text becomes too long in the tokenizer.',
    retry: 'no',
  },
  too_many_tokens: { statuses: [422], meaning: 'A text has more tokens than the model reads.', retry: 'no' },
  too_many_tokens_in_all: { statuses: [422], meaning: 'The texts have too many tokens together.', retry: 'no' },
  answer_too_large: { statuses: [422], meaning: 'The answer would have too many bytes.', retry: 'no' },
  too_much_work: { statuses: [422], meaning: 'The request needs more multiply-adds than one may.', retry: 'no' },
  conflicting_parameters: { statuses: [422], meaning: 'Two parameters exclude each other.', retry: 'no' },
  too_many_targets: { statuses: [422], meaning: 'The targets need too many tokenizations.', retry: 'no' },
  target_empty: { statuses: [422], meaning: 'A target has no tokens.', retry: 'no' },
  target_too_long: { statuses: [422], meaning: 'A target has too many characters or pieces.', retry: 'no' },
  target_grows_too_long: { statuses: [422], meaning: 'A target becomes too long in the tokenizer.', retry: 'no' },
  target_unknown: { statuses: [422], meaning: 'A target has characters that the vocabulary lacks.', retry: 'no' },
  no_such_head: { statuses: [422], meaning: 'The model has no head for this question.', retry: 'no' },
  overloaded: {
    statuses: [429],
    meaning: 'The worker has more work than it can do.',
    retry: 'after `Retry-After`',
  },
  rate_limited: { statuses: [429], meaning: 'The caller asked too often.', retry: 'after `Retry-After`' },
  internal: { statuses: [500], meaning: 'There is a bug. Please report it.', retry: 'no' },
  misconfigured: {
    statuses: [500, 503],
    meaning: 'The owner has to mend a setting, which the message names. `GET /ready` answers 503, other routes 500.',
    retry: 'no',
  },
  model_unavailable: {
    statuses: [502, 503],
    meaning: 'The model cannot be read from its bucket. `GET /ready` answers 503, other routes 502.',
    retry: 'after `Retry-After`',
  },
};
