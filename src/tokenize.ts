/** Texts as the model reads them. No HTTP, no I/O. */
import { refusalOf } from './admit.ts';
import type { Tokenized } from './http/schemas/tokenize.ts';
import { MAX_TEXT_LENGTH, MAX_TOKENIZED } from './limits.ts';
import { fail, ok, type Result } from './result.ts';
import { findMasks } from './tokenizer/masks.ts';
import { offsetsIn } from './tokenizer/offsets.ts';
import type { Tokenizer } from './tokenizer/tokenizer.ts';
import type { Unanswerable } from './unanswerable.ts';

/** @param load is called when nothing is wrong with the texts */
export async function tokenize(
  question: { readonly texts: readonly string[]; readonly isList: boolean },
  load: () => Promise<Tokenizer>,
): Promise<Result<Tokenized[], Unanswerable>> {
  const refusal = refusalOf(question, ({ length }) => length, MAX_TEXT_LENGTH);
  if (refusal) return fail(refusal);
  const tokenizer = await load();
  const answers: Tokenized[] = [];
  let tokens = 0;
  for (const text of question.texts) {
    const tokenized = tokenizeText(text, tokenizer);
    tokens += tokenized.tokens.length;
    if (tokens > MAX_TOKENIZED) return fail({ reason: 'too_many_tokens_in_all', tokens, limit: MAX_TOKENIZED });
    answers.push(tokenized);
  }
  return ok(answers);
}

function tokenizeText(text: string, tokenizer: Tokenizer): Tokenized {
  const { input_ids, offsets } = tokenizer.encode(findMasks(text));
  const place = offsetsIn(text);
  return {
    tokens: Array.from(input_ids, (token, i) => ({
      token,
      piece: tokenizer.piece(token),
      token_str: tokenizer.decode([token]),
      special: i === 0 || i === input_ids.length - 1,
      offsets: place(offsets[2 * i] ?? 0, offsets[2 * i + 1] ?? 0),
    })),
  };
}
