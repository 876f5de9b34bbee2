/** WordPiece, as in BERT: takes the longest piece at the beginning of a word, then of the rest. No I/O. */
import type { ModelOf } from '../tokenizer-json.ts';
import { NONE, type Vocabulary } from '../vocabulary/vocabulary.ts';
import type { Model, Piece } from './model.ts';

/** @throws when the vocabulary lacks `unk_token` */
export function createWordPiece(json: ModelOf<'WordPiece'>, vocabulary: Vocabulary): Model {
  const { continuing_subword_prefix: prefix, max_input_chars_per_word: limit } = json;
  const unk_id = vocabulary.idOf(json.unk_token);
  if (unk_id === NONE) throw new Error(`tokenizer.json: model.vocab has no ${json.unk_token}`);
  const unk = (word: string): Piece[] => [{ id: unk_id, from: 0, to: word.length }];
  const continuing = vocabulary.find(prefix);

  /** The longest piece of a word from a position on. */
  function longestAt(word: string, from: number, parent: number): Piece | undefined {
    let found: Piece | undefined;
    for (let to = from, node = parent; to < word.length;) {
      const point = word.codePointAt(to) ?? 0;
      node = vocabulary.child(node, point);
      if (node === NONE) break;
      to += point > 0xffff ? 2 : 1;
      const id = vocabulary.idAt(node);
      if (id !== NONE) found = { id, from, to };
    }
    return found;
  }

  return {
    pieceOf: vocabulary.pieceOf,
    unmark: (piece) => (piece.startsWith(prefix) ? piece.slice(prefix.length) : piece),
    continues: (piece) => piece.startsWith(prefix),

    tokenize(word, continues) {
      // As in BERT. It bounds the look-ups of a word, too.
      if (word.length > limit && Array.from(word).length > limit) return unk(word);
      const pieces: Piece[] = [];
      for (let from = 0; from < word.length;) {
        const piece = longestAt(word, from, from > 0 || continues ? continuing : vocabulary.root);
        if (!piece) return unk(word);
        pieces.push(piece);
        from = piece.to;
      }
      return pieces;
    },
  };
}
