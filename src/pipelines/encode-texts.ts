/** Masked texts to token ids: cached, or by the tokenizer, truncated on request. No HTTP. */
import { fromCachedEncoding, toCachedEncoding } from '../cache/caches.ts';
import { encodingKey } from '../cache/keys.ts';
import type { RequestError } from '../errors.ts';
import type { Encoding } from '../inference/backend.ts';
import { MAX_TARGET_PIECES } from '../limits.ts';
import { encodeTargets, growthBy } from '../predict/targets.ts';
import { fail, ok, type Result } from '../result.ts';
import type { FillMaskQuestion } from '../schemas/questions.ts';
import { findMasks, type MaskedText } from '../tokenizer/masks.ts';
import { encodeWithinLimit } from '../tokenizer/normalized-limit.ts';
import { type CutEncoding, cutAroundMasks } from '../tokenizer/truncation.ts';
import type { PipelineContext } from './context.ts';

/**
 * Equal texts are encoded once.
 * @returns an encoding for each text, or the first error
 */
export async function encodeTexts(
  texts: readonly MaskedText[],
  { isList, truncation, targets }: Pick<FillMaskQuestion, 'isList' | 'truncation' | 'targets'>,
  context: PipelineContext,
): Promise<Result<(Encoding | CutEncoding)[], RequestError>> {
  const { caches, policy, loadTokenizer } = context;
  // A truncated text must leave room for the longest target, so the targets decide how much of it is left.
  const room = truncation ? (targets ?? []) : undefined;
  const distinct = [...new Set(texts.map(({ text }) => text))];
  const keys = new Map<string, string>();
  const known = new Map<string, Encoding>();
  await Promise.all(
    distinct.map(async (text) => {
      const key = await encodingKey(context, text, room);
      keys.set(text, key);
      const hit = await caches.encodings.get(key, policy);
      if (hit) known.set(text, fromCachedEncoding(hit.value));
    }),
  );
  for (const [i, text] of texts.entries()) {
    if (known.has(text.text)) continue;
    const index = isList ? i : undefined;
    const { tokenizer, manifest } = await loadTokenizer();
    const limit = manifest.architecture.max_position_embeddings;
    if (findMasks(text.text, manifest.special_tokens.mask.token).masks.length > text.masks.length) {
      return fail({ reason: 'mixed_masks', index });
    }
    const whole = encodeWithinLimit(() => tokenizer.encode(text));
    if (!whole.ok) return fail({ reason: 'text_grows_too_long', index, limit: whole.error });
    let encoding: Encoding = whole.value;
    const tokens = encoding.input_ids.length;
    if (!truncation && tokens > limit) return fail({ reason: 'too_many_tokens', index, tokens, limit });
    // A text that does not nearly fill the model has room for any target.
    if (truncation && tokens + MAX_TARGET_PIECES > limit) {
      const words = encodeTargets([text], targets ?? [], tokenizer);
      if (!words.ok) return words;
      const growth = growthBy(words.value[0] ?? []);
      if (tokens + growth > limit) {
        const cut = cutAroundMasks(encoding, limit - growth);
        if (!cut.ok) return fail({ reason: 'masks_too_far_apart', index, tokens: cut.error + growth, limit });
        encoding = cut.value;
      }
    }
    known.set(text.text, encoding);
    caches.encodings.put(keys.get(text.text) ?? '', toCachedEncoding(encoding), policy);
  }
  return ok(texts.map(({ text }) => known.get(text) as Encoding));
}
