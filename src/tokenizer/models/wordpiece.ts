/** WordPiece, as in BERT: takes the longest piece at the beginning of a word, then of the rest. No I/O. */
import type { ModelOf } from '../tokenizer-json.ts';
import { type Model, type Piece, readVocabulary } from './model.ts';

/** @throws when the vocabulary lacks `unk_token` */
export function createWordPiece(json: ModelOf<'WordPiece'>): Model {
  const { continuing_subword_prefix: prefix, max_input_chars_per_word: limit } = json;
  const { idOf, pieceOf } = readVocabulary(json.vocab);
  const unk_id = idOf(json.unk_token);
  if (unk_id === undefined) throw new Error(`tokenizer.json: model.vocab has no ${json.unk_token}`);
  const unk = (word: string): Piece[] => [{ id: unk_id, from: 0, to: word.length }];

  return {
    pieceOf,
    unmark: (piece) => (piece.startsWith(prefix) ? piece.slice(prefix.length) : piece),
    continues: (piece) => piece.startsWith(prefix),

    tokenize(word, continues) {
      // The number of look-ups is quadratic in the length of a word, so the limit bounds it.
      if (word.length > limit && Array.from(word).length > limit) return unk(word);
      const pieces: Piece[] = [];
      for (let from = 0; from < word.length;) {
        const mark = from > 0 || continues ? prefix : '';
        let to = word.length;
        let id: number | undefined;
        while (to > from && (id = idOf(mark + word.slice(from, to))) === undefined) to--;
        if (id === undefined) return unk(word);
        pieces.push({ id, from, to });
        from = to;
      }
      return pieces;
    },
  };
}
