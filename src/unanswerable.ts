/** Why a well-formed question is refused: data for the sentence, not the sentence. Types only. */

interface OfText {
  /** Which of the texts; undefined where only one was sent. */
  readonly index: number | undefined;
}

/** Which part of a question asks for more runs of the model than one request may have. */
export type Effort = 'search' | 'targets' | 'score';

/** Parameters that do not go together. */
export type Conflict =
  | { readonly between: 'joint_and_targets' }
  | { readonly between: 'beams_and_independent' }
  | { readonly between: 'top_k_and_beams'; readonly top_k: number; readonly beams: number };

export type Unanswerable =
  | { readonly reason: 'too_many_texts'; readonly texts: number; readonly limit: number }
  | ({ readonly reason: 'no_mask' } & OfText)
  | ({ readonly reason: 'has_mask' } & OfText)
  | ({ readonly reason: 'no_tokens' } & OfText)
  | ({ readonly reason: 'too_many_masks'; readonly masks: number; readonly limit: number } & OfText)
  | ({ readonly reason: 'masks_too_far_apart'; readonly tokens: number; readonly limit: number } & OfText)
  | ({ readonly reason: 'text_too_long'; readonly length: number; readonly limit: number } & OfText)
  | ({ readonly reason: 'too_many_tokens'; readonly tokens: number; readonly limit: number } & OfText)
  | { readonly reason: 'too_many_tokens_in_all'; readonly tokens: number; readonly limit: number }
  | { readonly reason: 'answer_too_large'; readonly length: number; readonly limit: number }
  | { readonly reason: 'too_much_work'; readonly by: Effort; readonly tokens: number; readonly limit: number }
  | { readonly reason: 'conflicting_parameters'; readonly conflict: Conflict }
  | { readonly reason: 'too_many_targets'; readonly targets: number; readonly places: number; readonly limit: number }
  | { readonly reason: 'target_empty'; readonly target: string }
  | {
      readonly reason: 'target_too_long';
      readonly target: string;
      readonly in: 'characters' | 'pieces';
      readonly size: number;
      readonly limit: number;
    }
  | { readonly reason: 'target_unknown'; readonly target: string }
  | { readonly reason: 'no_such_head'; readonly head: 'sop' | 'nsp'; readonly model: string };
