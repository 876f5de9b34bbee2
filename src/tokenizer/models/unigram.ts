/** A unigram model: finds the most likely pieces of a word, as `tokenizers` does. No I/O. */
import type { ModelOf } from '../tokenizer-json.ts';
import { refuse } from '../vocabulary/format.ts';
import { NONE, type Vocabulary } from '../vocabulary/vocabulary.ts';
import { METASPACE, continuesWord } from '../words.ts';
import { createPaths } from './best-path.ts';
import type { Model } from './model.ts';

/** How much less likely an unknown character is than the rarest piece, as in SentencePiece. */
const UNKNOWN_PENALTY = 10;

/**
 * @param scores (pieces,) log-probabilities
 * @throws when `unk_id` names no piece
 */
export function createUnigramModel(
  { unk_id }: ModelOf<'Unigram'>,
  vocabulary: Vocabulary,
  scores: Float64Array,
): Model {
  const { size, longest, root, child, idAt, idOf, pieceOf } = vocabulary;
  if (pieceOf(unk_id) === undefined) throw new Error(`tokenizer.json: model.unk_id is ${unk_id} of ${size} pieces`);
  if (scores.length !== size) refuse(`scores is ${scores.length}; there are ${size} pieces`);
  const paths = createPaths(unk_id);
  let unk_score: number | undefined;
  /** Computed when it is needed: a cold isolate takes a millisecond for 30,000 pieces. */
  const unknownScore = () => (unk_score ??= scores.reduce((a, b) => (b < a ? b : a), Infinity) - UNKNOWN_PENALTY);

  return {
    pieceOf,
    idOf,
    unmark: (piece) => piece,
    continues: (piece, decoded) => continuesWord(piece, decoded, [METASPACE]),

    tokenize(word, _, put) {
      paths.start(word.length);
      for (let start = 0, following = 0; start < word.length; start = following) {
        following = start + ((word.codePointAt(start) ?? 0) > 0xffff ? 2 : 1);
        const stop = Math.min(start + longest, word.length);
        let covered = false;
        for (let node = root, at = start; at < stop;) {
          const point = word.codePointAt(at) ?? 0;
          at += point > 0xffff ? 2 : 1;
          node = child(node, point);
          if (node === NONE) break;
          const id = idAt(node);
          if (id === NONE) continue;
          paths.offer(start, at, id, scores[id] ?? NaN);
          covered ||= at === following;
        }
        if (!covered) paths.offer(start, following, unk_id, unknownScore());
      }
      if (!Number.isFinite(paths.scoreAt(word.length))) refuse('scores have a value that is not a finite number');
      paths.trace((id, from, to) => {
        // Adjacent unknown characters may form a known piece.
        const whole = id === unk_id ? idOf(word.slice(from, to)) : NONE;
        put(whole === NONE ? id : whole, from, to);
      });
    },
  };
}
