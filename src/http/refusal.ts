/** What a request is refused for, and the one place where that becomes a status and a sentence. No I/O. */
import type { Conflict, Effort, Unanswerable } from '../unanswerable.ts';
import { clip } from './clip.ts';
import type { Malformed } from './request.ts';

export type Refusal =
  | Malformed
  | Unanswerable
  | { readonly reason: 'unsupported_media_type'; readonly received: string }
  | { readonly reason: 'body_too_large'; readonly limit: number }
  | { readonly reason: 'not_found'; readonly path: string }
  | { readonly reason: 'method_not_allowed'; readonly method: string; readonly allowed: readonly string[] };

export type RefusalStatus = 400 | 404 | 405 | 413 | 415 | 422;

export function describeRefusal(refusal: Refusal): { status: RefusalStatus; error: string } {
  switch (refusal.reason) {
    case 'invalid_json':
    case 'invalid_request':
      return no(400, refusal.message);
    case 'not_found':
      return no(404, `There is nothing at ${clip(refusal.path)}: /docs tells what there is.`);
    case 'method_not_allowed':
      return no(405, `${refusal.method} is not answered here: use ${refusal.allowed.join(' or ')}.`);
    case 'body_too_large':
      return no(413, `The body is larger than ${refusal.limit} bytes: send the texts in several requests.`);
    case 'unsupported_media_type':
      return no(
        415,
        `The content type is ${refusal.received}: send JSON with the header "content-type: application/json".`,
      );
    case 'too_many_texts':
      return no(
        422,
        `There are ${refusal.texts} texts where ${refusal.limit} are answered at once: send them in several requests.`,
      );
    case 'no_mask':
      return no(422, `${place(refusal)} has no mask: put [MASK] where a word is to be found.`);
    case 'has_mask':
      return no(
        422,
        `${place(refusal)} has a mask, and only whole texts are scored: ask /fill-mask, or put a word there.`,
      );
    case 'no_tokens':
      return no(422, `${place(refusal)} has nothing in it that the model reads: give a text with words.`);
    case 'too_many_masks':
      return no(422, `${place(refusal)} has ${refusal.masks} masks where ${refusal.limit} are allowed.`);
    case 'masks_too_far_apart':
      return no(
        422,
        `${place(refusal)} cannot be cut: to keep all of its masks takes ${refusal.tokens} tokens where the model reads ${refusal.limit}. Ask for fewer masks at once.`,
      );
    case 'text_too_long':
      return no(
        422,
        `${place(refusal)} has ${refusal.length} characters where ${refusal.limit} are allowed: shorten it.`,
      );
    case 'too_many_tokens':
      return no(
        422,
        `${place(refusal)} has ${refusal.tokens} tokens where the model reads ${refusal.limit}: shorten it.`,
      );
    case 'too_many_tokens_in_all':
      return no(
        422,
        `The texts have ${refusal.tokens} tokens or more where ${refusal.limit} are answered at once: send them in several requests.`,
      );
    case 'answer_too_large':
      return no(
        422,
        `The answer would repeat the texts in ${refusal.length} characters where ${refusal.limit} are allowed: lower top_k, or send fewer masks or texts.`,
      );
    case 'too_much_work':
      return no(
        422,
        `The answer would take ${refusal.tokens} tokens or more through the model, over all of its runs, where ${refusal.limit} are allowed: ${LESS[refusal.by]}.`,
      );
    case 'conflicting_parameters':
      return no(422, describeConflict(refusal.conflict));
    case 'too_many_targets':
      return no(
        422,
        `${refusal.targets} targets behind ${refusal.places} different characters are more than the ${refusal.limit} readings of a target that are allowed: name fewer targets, or send fewer texts.`,
      );
    case 'target_empty':
      return no(422, `The target "${refusal.target}" has nothing in it that the model reads: name a word.`);
    case 'target_too_long':
      return no(
        422,
        `The target "${clip(refusal.target)}" has ${refusal.size} ${refusal.in} where ${refusal.limit} are allowed: name a shorter one.`,
      );
    case 'target_unknown':
      return no(422, `The target "${refusal.target}" has characters that the vocabulary does not know.`);
    case 'no_such_head':
      return no(
        422,
        `The model ${refusal.model} has no head for ${refusal.head === 'sop' ? 'sentence order' : 'the next sentence'}: GET /info tells which heads it has.`,
      );
  }
}

const no = (status: RefusalStatus, error: string) => ({ status, error });

/** What makes a request smaller, by what makes it large. */
const LESS: Readonly<Record<Effort, string>> = {
  search: 'a joint search runs the text once for each beam and mask, so lower beams, or send fewer masks or texts',
  targets: 'each piece of a target is a run of the text, so name fewer targets, or send fewer masks or texts',
  score: 'each token of a text is a run of that text, so send shorter texts, or fewer',
};

function describeConflict(conflict: Conflict): string {
  switch (conflict.between) {
    case 'joint_and_targets':
      return 'strategy "joint" and targets do not go together, since a joint search looks among all words: leave one of them out.';
    case 'beams_and_independent':
      return 'beams is of a joint search: leave it out, or ask for it with strategy "joint".';
    case 'top_k_and_beams':
      return `top_k is ${conflict.top_k} and beams ${conflict.beams}, but a search gives no more combinations than it keeps: raise beams, or lower top_k.`;
  }
}

function place({ index }: { readonly index: number | undefined }): string {
  return index === undefined ? 'inputs' : `inputs[${index}]`;
}
