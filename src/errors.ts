/** The errors of a well-formed request, as data. `http/errors.ts` makes a status and a sentence of them. No I/O. */

interface OfText {
  /** Index of the text in the list; undefined for a single text. */
  readonly index: number | undefined;
}

/** The part of a request that needs more runs of the model than one request may have. */
export type WorkKind = 'texts' | 'search' | 'words' | 'targets' | 'score';

/** Parameters that exclude each other. */
export type ParameterConflict =
  | { readonly between: 'joint_and_targets' }
  | { readonly between: 'filter_and_targets' | 'whole_words_and_targets' | 'whole_words_and_joint' }
  | { readonly between: 'num_beams_and_independent' }
  | { readonly between: 'top_k_and_num_beams'; readonly top_k: number; readonly num_beams: number }
  | { readonly between: 'top_k_and_joint' | 'top_k_and_several_masks'; readonly top_k: number; readonly limit: number };

export type RequestError =
  | { readonly reason: 'too_many_texts'; readonly texts: number; readonly limit: number }
  | ({ readonly reason: 'no_mask' } & OfText)
  | ({ readonly reason: 'has_mask' } & OfText)
  /** Its masks have a usual spelling and the model's own. */
  | ({ readonly reason: 'mixed_masks' } & OfText)
  /** The tokenizer reads some of its masks as something else. */
  | ({ readonly reason: 'masks_not_found'; readonly found: number; readonly masks: number } & OfText)
  | ({ readonly reason: 'no_tokens' } & OfText)
  | ({ readonly reason: 'too_many_masks'; readonly masks: number; readonly limit: number } & OfText)
  | ({ readonly reason: 'masks_too_far_apart'; readonly tokens: number; readonly limit: number } & OfText)
  | ({ readonly reason: 'text_too_long'; readonly length: number; readonly limit: number } & OfText)
  /** Its normalized form is longer than the limit. */
  | ({ readonly reason: 'text_grows_too_long'; readonly limit: number } & OfText)
  | ({ readonly reason: 'too_many_tokens'; readonly tokens: number; readonly limit: number } & OfText)
  | { readonly reason: 'too_many_tokens_in_all'; readonly tokens: number; readonly limit: number }
  | { readonly reason: 'answer_too_large'; readonly bytes: number; readonly limit: number }
  | { readonly reason: 'too_much_work'; readonly by: WorkKind; readonly work: number; readonly limit: number }
  | { readonly reason: 'overloaded'; readonly retry_after_s: number }
  | { readonly reason: 'rate_limited'; readonly of: 'requests' | 'expensive requests'; readonly retry_after_s: number }
  | { readonly reason: 'conflicting_parameters'; readonly conflict: ParameterConflict }
  | { readonly reason: 'too_many_targets'; readonly targets: number; readonly contexts: number; readonly limit: number }
  | { readonly reason: 'target_empty'; readonly target: string }
  | {
      readonly reason: 'target_too_long';
      readonly target: string;
      readonly in: 'characters' | 'pieces';
      readonly size: number;
      readonly limit: number;
    }
  | { readonly reason: 'target_grows_too_long'; readonly target: string; readonly limit: number }
  | { readonly reason: 'target_unknown'; readonly target: string }
  | { readonly reason: 'no_such_head'; readonly head: 'sop' | 'nsp'; readonly model: string };

/** The deployment's own settings are wrong; nothing that a caller does helps. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}
