/** Masked texts to token ids, by the tokenizer: truncated on request. No HTTP. */
import type { RequestError } from '../errors.ts';
import type { Encoding } from '../inference/backend.ts';
import { MAX_TARGET_PIECES, MAX_WORD_PIECES } from '../limits.ts';
import type { LoadedTokenizer } from '../model/loaded-model.ts';
import { encodeTargets, growthBy } from '../predict/targets.ts';
import { fail, ok, type Result } from '../result.ts';
import type { FillMaskQuestion } from '../schemas/questions.ts';
import { findMasks, type MaskedText } from '../tokenizer/masks.ts';
import { encodeWithinLimit } from '../tokenizer/normalized-limit.ts';
import { type CutEncoding, cutAroundMasks } from '../tokenizer/truncation.ts';

/** @param index of the text in the list; undefined for a single text */
export function encodeText(
  text: MaskedText,
  index: number | undefined,
  { truncation, targets = [], whole_words }: Pick<FillMaskQuestion, 'truncation' | 'targets' | 'whole_words'>,
  { tokenizer, manifest }: LoadedTokenizer,
): Result<Encoding | CutEncoding, RequestError> {
  const limit = manifest.architecture.max_position_embeddings;
  if (findMasks(text.text, manifest.special_tokens.mask.token).masks.length > text.masks.length) {
    return fail({ reason: 'mixed_masks', index });
  }
  const encoded = encodeWithinLimit(() => tokenizer.encodeIds(text));
  if (!encoded.ok) return fail({ reason: 'text_grows_too_long', index, limit: encoded.error });
  const encoding = encoded.value;
  const [found, masks] = [encoding.masked_positions.length, text.masks.length];
  if (found !== masks) return fail({ reason: 'masks_not_found', index, found, masks });
  const tokens = encoding.input_ids.length;
  if (!truncation && tokens > limit) return fail({ reason: 'too_many_tokens', index, tokens, limit });
  // A text that does not nearly fill the model has room for any target.
  if (!truncation || tokens + MAX_TARGET_PIECES <= limit) return ok(encoding);
  // A truncated text must leave room for the longest target, so the targets decide how much of it is left.
  const words = encodeTargets([text], targets, tokenizer);
  if (!words.ok) return words;
  const growth = whole_words ? MAX_WORD_PIECES - 1 : growthBy(words.value[0] ?? []);
  if (tokens + growth <= limit) return ok(encoding);
  const cut = cutAroundMasks(encoding, limit - growth);
  return cut.ok ? cut : fail({ reason: 'masks_too_far_apart', index, tokens: cut.error + growth, limit });
}
