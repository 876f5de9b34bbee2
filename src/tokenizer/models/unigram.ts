/** A unigram model: finds the most likely pieces of a word, as `tokenizers` does. No I/O. */
import { createPaths } from './best-path.ts';
import type { ModelOf } from '../tokenizer-json.ts';
import type { Model } from './model.ts';
import { METASPACE, continuesWord } from '../words.ts';

/** How much less likely an unknown character is than the rarest piece, as in SentencePiece. */
const UNKNOWN_PENALTY = 10;

/** @throws when `unk_id` names no piece */
export function createUnigramModel({ vocab, unk_id }: ModelOf<'Unigram'>): Model {
  const ids = new Map<string, number>();
  let longest = 0;
  let least = Infinity;
  let next = 0;
  for (const [piece, score] of vocab) {
    ids.set(piece, next++);
    longest = Math.max(longest, piece.length);
    least = Math.min(least, score);
  }
  if (!vocab[unk_id]) throw new Error(`tokenizer.json: model.unk_id is ${unk_id} of ${vocab.length} pieces`);

  return {
    pieceOf: (id) => vocab[id]?.[0],
    unmark: (piece) => piece,
    continues: (piece, decoded) => continuesWord(piece, decoded, [METASPACE]),

    tokenize(word) {
      const paths = createPaths(word.length, unk_id);
      for (let start = 0, following = 0; start < word.length; start = following) {
        following = start + ((word.codePointAt(start) ?? 0) > 0xffff ? 2 : 1);
        const stop = Math.min(start + longest, word.length);
        let covered = false;
        for (let end = start + 1; end <= stop; end++) {
          const id = ids.get(word.slice(start, end));
          if (id === undefined) continue;
          paths.offer(start, end, id, vocab[id]?.[1] ?? 0);
          covered ||= end === following;
        }
        if (!covered) paths.offer(start, following, unk_id, least - UNKNOWN_PENALTY);
      }
      // Adjacent unknown characters may form a known piece.
      return paths
        .trace(0, word.length)
        .map(({ id, from, to }) => ({ id: ids.get(word.slice(from, to)) ?? id, from, to }));
    },
  };
}
