/** WordPiece, as in BERT: takes the longest piece at the beginning of a word, then of the rest. No I/O. */
import type { ModelOf } from '../tokenizer-json.ts';
import { NONE, type Vocabulary } from '../vocabulary/vocabulary.ts';
import type { Model } from './model.ts';

/** @throws when the vocabulary lacks `unk_token` */
export function createWordPiece(json: ModelOf<'WordPiece'>, vocabulary: Vocabulary): Model {
  const { continuing_subword_prefix: prefix, max_input_chars_per_word: limit } = json;
  const unk_id = vocabulary.idOf(json.unk_token);
  if (unk_id === NONE) throw new Error(`tokenizer.json: model.vocab has no ${json.unk_token}`);
  const continuing = vocabulary.find(prefix);
  /** The ids and ends of the pieces of a word, until it is known that all of it has pieces. */
  const ids: number[] = [];
  const ends: number[] = [];

  /** Adds the longest piece of a word from a position on. @returns its end, or `from` if there is none */
  function addLongest(word: string, from: number, parent: number): number {
    let end = from;
    let found = NONE;
    const stop = Math.min(from + vocabulary.longest, word.length);
    for (let to = from, node = parent; to < stop;) {
      const point = word.codePointAt(to) ?? 0;
      node = vocabulary.child(node, point);
      if (node === NONE) break;
      to += point > 0xffff ? 2 : 1;
      const id = vocabulary.idAt(node);
      if (id === NONE) continue;
      found = id;
      end = to;
    }
    ids.push(found);
    ends.push(end);
    return end;
  }

  return {
    pieceOf: vocabulary.pieceOf,
    idOf: vocabulary.idOf,
    unmark: (piece) => (piece.startsWith(prefix) ? piece.slice(prefix.length) : piece),
    continues: (piece) => piece.startsWith(prefix),

    tokenize(word, continues, put) {
      ids.length = 0;
      ends.length = 0;
      // As in BERT. It bounds the look-ups of a word, too.
      let isKnown = word.length <= limit || Array.from(word).length <= limit;
      for (let from = 0; isKnown && from < word.length;) {
        const end = addLongest(word, from, from > 0 || continues ? continuing : vocabulary.root);
        isKnown = end > from;
        from = end;
      }
      if (!isKnown) return put(unk_id, 0, word.length);
      for (const [i, id] of ids.entries()) put(id, ends[i - 1] ?? 0, ends[i] ?? 0);
    },
  };
}
