/** What a request is refused for, and the one place where that becomes a status and a sentence. No I/O. */
import type { Unanswerable } from '../fill-mask.ts';
import type { Malformed } from './request.ts';

export type Refusal =
  | Malformed
  | Unanswerable
  | { readonly reason: 'unsupported_media_type'; readonly received: string }
  | { readonly reason: 'body_too_large'; readonly limit: number }
  | { readonly reason: 'not_found'; readonly path: string }
  | { readonly reason: 'method_not_allowed'; readonly method: string; readonly allowed: readonly string[] };

type Status = 400 | 404 | 405 | 413 | 415 | 422;

export function describeRefusal(refusal: Refusal): { status: Status; error: string } {
  switch (refusal.reason) {
    case 'invalid_json':
    case 'invalid_request':
      return { status: 400, error: refusal.message };
    case 'not_found':
      return { status: 404, error: `There is nothing at ${refusal.path}: POST a question to /fill-mask.` };
    case 'method_not_allowed':
      return { status: 405, error: `${refusal.method} is not answered here: use ${refusal.allowed.join(' or ')}.` };
    case 'body_too_large':
      return {
        status: 413,
        error: `The body is larger than ${refusal.limit} bytes: send the texts in several requests.`,
      };
    case 'unsupported_media_type':
      return {
        status: 415,
        error: `The content type is ${refusal.received}: send JSON with the header "content-type: application/json".`,
      };
    case 'too_many_texts':
      return {
        status: 422,
        error: `There are ${refusal.texts} texts where ${refusal.limit} are answered at once: send them in several requests.`,
      };
    case 'no_mask':
      return { status: 422, error: `${place(refusal)} has no mask: put [MASK] where a word is to be found.` };
    case 'too_many_masks':
      return { status: 422, error: `${place(refusal)} has ${refusal.masks} masks where ${refusal.limit} are allowed.` };
    case 'text_too_long':
      return {
        status: 422,
        error: `${place(refusal)} has ${refusal.length} characters where ${refusal.limit} are allowed: shorten it.`,
      };
    case 'too_many_tokens':
      return {
        status: 422,
        error: `${place(refusal)} has ${refusal.tokens} tokens where the model reads ${refusal.limit}: shorten it.`,
      };
    case 'answer_too_large':
      return {
        status: 422,
        error: `The answer would repeat the texts in ${refusal.length} characters where ${refusal.limit} are allowed: lower top_k, or send fewer masks or texts.`,
      };
    case 'target_not_one_piece':
      return {
        status: 422,
        error: `The target "${refusal.target}" is ${refusal.pieces} pieces of the vocabulary, and only a single piece can be scored: try another word.`,
      };
    case 'target_unknown':
      return { status: 422, error: `The target "${refusal.target}" has characters that the vocabulary does not know.` };
  }
}

function place({ index }: { readonly index: number | undefined }): string {
  return index === undefined ? 'inputs' : `inputs[${index}]`;
}
