/** Which ids may be candidates. No I/O. */
import type { FillMaskQuestion } from '../schemas/questions.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';

const LETTER_OR_DIGIT = /[\p{L}\p{N}]/u;
/** Special tokens, and the reserved ones of some vocabularies: `[CLS]`, `<s>`, `[unused1]`, `<|endoftext|>`. */
const SPECIAL = /^(?:\[.+\]|<.+>)$/;

/** Whether a piece is a word or a part of one: neither punctuation nor a special token. */
export function isWordPiece(id: number, tokenizer: Pick<Tokenizer, 'decode' | 'piece'>): boolean {
  return LETTER_OR_DIGIT.test(tokenizer.decode([id])) && !SPECIAL.test(tokenizer.piece(id));
}

/** @returns undefined where every id may be a candidate */
export function filterOf(
  filter: FillMaskQuestion['filter'],
  tokenizer: Tokenizer,
): ((id: number) => boolean) | undefined {
  return filter === 'words' ? (id) => isWordPiece(id, tokenizer) : undefined;
}
