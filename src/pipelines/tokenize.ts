/** The tokenize pipeline: texts as the model reads them. No HTTP. */
import type { RequestError } from '../errors.ts';
import { MAX_TEXT_LENGTH, MAX_TOKENIZED } from '../limits.ts';
import { fail, ok, type Result } from '../result.ts';
import type { Tokenized } from '../schemas/tokenize.ts';
import { findMasks, type MaskedText } from '../tokenizer/masks.ts';
import { encodeWithinLimit } from '../tokenizer/normalized-limit.ts';
import { offsetsIn } from '../tokenizer/offsets.ts';
import type { TokenizedText, Tokenizer } from '../tokenizer/tokenizer.ts';
import { checkTexts } from './check-texts.ts';
import type { PipelineContext } from './context.ts';

/** @throws what the load throws; nothing is loaded for texts that are rejected */
export async function tokenize(
  question: { readonly texts: readonly string[]; readonly isList: boolean },
  { loadTokenizer }: Pick<PipelineContext, 'loadTokenizer'>,
): Promise<Result<Tokenized[], RequestError>> {
  const error = checkTexts(question, ({ length }) => length, MAX_TEXT_LENGTH);
  if (error) return fail(error);
  const { tokenizer, manifest } = await loadTokenizer();
  const answers: Tokenized[] = [];
  let tokens = 0;
  for (const [i, text] of question.texts.entries()) {
    const masked = findMasks(text, manifest.special_tokens.mask.token);
    const encoded = encodeWithinLimit(() => tokenizer.encode(masked));
    if (!encoded.ok) {
      return fail({ reason: 'text_grows_too_long', index: question.isList ? i : undefined, limit: encoded.error });
    }
    tokens += encoded.value.input_ids.length;
    if (tokens > MAX_TOKENIZED) return fail({ reason: 'too_many_tokens_in_all', tokens, limit: MAX_TOKENIZED });
    answers.push(presentTokens(masked, encoded.value, tokenizer));
  }
  return ok(answers);
}

function presentTokens(masked: MaskedText, { input_ids, offsets }: TokenizedText, tokenizer: Tokenizer): Tokenized {
  const toOffsets = offsetsIn(masked.text);
  return {
    tokens: Array.from(input_ids, (token, i) => ({
      token,
      piece: tokenizer.piece(token),
      token_str: tokenizer.decode([token]),
      special: i === 0 || i === input_ids.length - 1,
      offsets: toOffsets(offsets[2 * i] ?? 0, offsets[2 * i + 1] ?? 0),
    })),
  };
}
