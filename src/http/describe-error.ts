/** The status and the sentence of each error. No I/O. */
import type { ParameterConflict, RequestError, WorkKind } from '../errors.ts';
import { clip } from './clip.ts';
import type { Malformed } from './parse-request.ts';

export type HttpError =
  | Malformed
  | RequestError
  /** `charset` where that is what is unknown. */
  | { readonly reason: 'unsupported_media_type'; readonly received: string; readonly charset?: string }
  | { readonly reason: 'unsupported_content_encoding'; readonly received: string }
  | { readonly reason: 'body_too_large'; readonly limit: number }
  | { readonly reason: 'body_timeout'; readonly limit_ms: number }
  /** The client has left: nobody reads this answer. */
  | { readonly reason: 'client_closed' }
  | { readonly reason: 'key_missing' }
  | { readonly reason: 'key_malformed' }
  | { readonly reason: 'key_invalid' }
  | { readonly reason: 'unknown_model'; readonly model: string; readonly served: readonly string[] }
  /** @property base BASE_PATH, empty at the root */
  | { readonly reason: 'not_found'; readonly path: string; readonly base: string }
  | { readonly reason: 'method_not_allowed'; readonly method: string; readonly allowed: readonly string[] };

/** The `error_type` of what was thrown. */
export type Fault = 'model_unavailable' | 'misconfigured' | 'internal';

export type ErrorStatus = 400 | 401 | 404 | 405 | 408 | 413 | 415 | 422 | 429;

/** For the log and the metrics. No client reads it, so the types of the API leave it out. */
export const CLIENT_CLOSED = 499 as number as ErrorStatus;

export const INTERNAL = 'An internal error occurred. Please report it.';

/** @param problem the object of the model, and what is wrong with it */
export const describeUnavailable = (problem: string): string =>
  `${problem} The owner of this deployment can check its bucket with "npm run models -- list --remote", and fill it with "npm run models -- push --remote".`;

/** @returns the status, and the sentence of the response */
export function describeError(error: HttpError): { status: ErrorStatus; message: string } {
  switch (error.reason) {
    case 'invalid_json':
    case 'invalid_request':
      return say(400, error.message);
    case 'key_missing':
      return say(401, 'This deployment needs an API key. Send it in the header "authorization: Bearer <key>".');
    case 'key_malformed':
      return say(401, 'The header "authorization" has no API key. Send it as "authorization: Bearer <key>".');
    case 'key_invalid':
      return say(
        401,
        'The API key is not valid for this deployment. It may have been replaced: ask the owner for one.',
      );
    case 'unknown_model':
      return say(
        404,
        `The model "${clip(error.model)}" is not served here. Served are ${error.served.join(', ')}: see /models.`,
      );
    case 'not_found':
      return say(404, `Nothing is at ${clip(error.path)}. ${whereElse(error)}`);
    case 'method_not_allowed':
      return say(405, `${error.method} is not allowed here. Use ${error.allowed.join(' or ')}.`);
    case 'body_timeout':
      return say(408, `The body did not arrive within ${error.limit_ms / 1000} seconds. Send it again.`);
    case 'client_closed':
      return say(CLIENT_CLOSED, 'The client has left before the answer.');
    case 'body_too_large':
      return say(413, `The body is larger than ${error.limit} bytes. Send the texts in several requests.`);
    case 'unsupported_media_type':
      return say(
        415,
        error.charset === undefined
          ? `The content type is ${clip(error.received)}. Send JSON with the header "content-type: application/json".`
          : `The charset ${clip(error.charset)} is not known here. Send the body in UTF-8.`,
      );
    case 'unsupported_content_encoding':
      return say(
        415,
        `The header "content-encoding: ${clip(error.received)}" is not supported. Send the body as gzip, as deflate, or without an encoding.`,
      );
    case 'too_many_texts':
      return say(422, `${error.texts} texts exceed the limit of ${error.limit}. Send them in several requests.`);
    case 'no_mask':
      return say(422, `${place(error)} has no mask. Put [MASK] where a word is missing.`);
    case 'has_mask':
      return say(
        422,
        `${place(error)} has a mask, but only whole texts are scored. Use /fill-mask, or put a word there.`,
      );
    case 'mixed_masks':
      return say(422, `${place(error)} spells its masks in two ways. Spell each of them [MASK].`);
    case 'masks_not_found':
      return say(
        422,
        `${place(error)} has ${error.masks === 1 ? 'a mask' : `${error.masks} masks`}, and the tokenizer of this model finds ${error.found}. Put a space before and after each mask.`,
      );
    case 'no_tokens':
      return say(422, `${place(error)} has no tokens. Send a text with words.`);
    case 'too_many_masks':
      return say(422, `${place(error)} has ${error.masks} masks. The limit is ${error.limit}.`);
    case 'masks_too_far_apart':
      return say(
        422,
        `${place(error)} cannot be truncated: its masks span ${error.tokens} tokens, and the model reads ${error.limit}. Send fewer masks at once.`,
      );
    case 'text_too_long':
      return say(422, `${place(error)} has ${error.length} characters. The limit is ${error.limit}. Shorten it.`);
    case 'text_grows_too_long':
      return say(
        422,
        `${place(error)} has characters that the tokenizer spells with many others, and becomes longer than ${error.limit} characters. Shorten it, or replace such characters.`,
      );
    case 'too_many_tokens':
      return say(422, `${place(error)} has ${error.tokens} tokens. The model reads ${error.limit}. Shorten it.`);
    case 'too_many_tokens_in_all':
      return say(
        422,
        `The texts have at least ${error.tokens} tokens together. The limit is ${error.limit}. Send them in several requests.`,
      );
    case 'answer_too_large':
      return say(
        422,
        `The answer would repeat the texts in ${error.bytes} bytes. The limit is ${error.limit}. Lower top_k, or send fewer masks or texts.`,
      );
    case 'too_much_work':
      return say(
        422,
        `The request needs at least ${giga(error.work)} billion multiply-adds. The limit is ${giga(error.limit)}. ${ADVICE[error.by]}`,
      );
    case 'overloaded':
      return say(429, `The worker has more work than it can do. Try again in ${error.retry_after_s} seconds.`);
    case 'rate_limited':
      return say(
        429,
        `Too many ${error.of} in the last ${error.retry_after_s} seconds. Try again in ${error.retry_after_s} seconds.`,
      );
    case 'conflicting_parameters':
      return say(422, describeConflict(error.conflict));
    case 'too_many_targets':
      return say(
        422,
        `${error.targets} targets × ${error.contexts} different characters before a mask need more than ${error.limit} tokenizations. Send fewer targets or texts.`,
      );
    case 'target_empty':
      return say(422, `The target "${error.target}" has no tokens. Send a word.`);
    case 'target_too_long':
      return say(
        422,
        `The target "${clip(error.target)}" has ${error.size} ${error.in}. The limit is ${error.limit}. Send a shorter one.`,
      );
    case 'target_grows_too_long':
      return say(
        422,
        `The target "${clip(error.target)}" becomes longer than ${error.limit} characters in the tokenizer. Send a shorter one.`,
      );
    case 'target_unknown':
      return say(422, `The target "${error.target}" has characters that the vocabulary lacks.`);
    case 'no_such_head':
      return say(
        422,
        `The model ${error.model} has no ${error.head === 'sop' ? 'sentence-order' : 'next-sentence'} head. GET /info lists its heads.`,
      );
  }
}

const say = (status: ErrorStatus, message: string) => ({ status, message });

const giga = (work: number): string => (work / 1e9).toFixed(1);

const ADVICE: Readonly<Record<WorkKind, string>> = {
  texts: 'Send fewer or shorter texts.',
  search: 'A joint search runs the text once for each beam and mask: lower num_beams, or send fewer masks or texts.',
  words: 'Whole words run the text once for each mask, beam and piece: lower num_beams, or send fewer masks or texts.',
  targets: 'Each piece of a target is one run of the text: send fewer targets, masks or texts.',
  score: 'Each token of a text is one run of that text: send shorter or fewer texts.',
};

function describeConflict(conflict: ParameterConflict): string {
  switch (conflict.between) {
    case 'joint_and_targets':
      return 'The strategy "joint" searches all words, so it cannot be combined with targets. Remove one of the two.';
    case 'filter_and_targets':
      return 'targets are words of your own, so "filter" has nothing to choose from. Remove one of the two.';
    case 'whole_words_and_targets':
      return 'Targets of several pieces are always scored as whole words. Remove whole_words, or targets.';
    case 'whole_words_and_joint':
      return 'The strategy "joint" fills each mask with one piece, so it cannot be combined with whole_words. Remove one of the two.';
    case 'num_beams_and_independent':
      return 'num_beams belongs to a search. Leave it out, or set "strategy": "joint" or "whole_words": true.';
    case 'top_k_and_joint':
      return `top_k is ${conflict.top_k}. A joint search returns at most ${conflict.limit} combinations. Lower top_k.`;
    case 'top_k_and_several_masks':
      return `top_k is ${conflict.top_k}. A text with several masks has at most ${conflict.limit} candidates for each. Lower top_k, or send one mask.`;
    case 'top_k_and_num_beams':
      return `top_k is ${conflict.top_k} and num_beams is ${conflict.num_beams}. A search returns at most num_beams combinations: raise num_beams, or lower top_k.`;
  }
}

function whereElse({ path, base }: { readonly path: string; readonly base: string }): string {
  if (!`${path}/`.startsWith(`${base}/`))
    return `This deployment answers below ${base}/: see ${base}/docs for the routes.`;
  if (path.slice(base.length).startsWith('/v1')) {
    return `This is not an OpenAI API, and its routes have no /v1: POST {"inputs": "Paris is the [MASK] of France."} to ${base}/fill-mask. See ${base}/docs.`;
  }
  return `See ${base}/docs for the routes.`;
}

function place({ index }: { readonly index: number | undefined }): string {
  return index === undefined ? 'inputs' : `inputs[${index}]`;
}
