/** Finds the most likely pieces of a normalized text in the trie of a `tokenizer.bin`, as `tokenizers` does. No I/O. */
import { createPaths } from '../models/best-path.ts';
import type { Piece } from '../models/model.ts';
import { SPACE } from './normalize.ts';
import { LEAF, refuse, type Vocabulary } from './format.ts';

/**
 * Words begin at U+2581 and are segmented one by one; adjacent unknown characters of a word are one `<unk>`. Scores are summed
 * in float64 from the beginning of a word. Of equal paths the one that was found first stays, which has the longest last
 * piece (`encode_optimized` of tokenizers/src/models/unigram/model.rs). The trie is read at most `vocabulary.longest` times
 * for each character.
 *
 * @param bytes (bytes,) UTF-8
 * @returns the pieces, with their positions in bytes
 * @throws when the trie is inconsistent
 */
export function segment(vocabulary: Vocabulary, bytes: Uint8Array): Piece[] {
  const { units, scores, unk_id, unk_score, longest } = vocabulary;
  const root = (units[0] ?? 0) >>> 8;
  const paths = createPaths(bytes.length, unk_id);
  const pieces: Piece[] = [];

  for (let from = 0, to = 0; from < bytes.length; from = to) {
    to = wordEnd(bytes, from);
    paths.begin(from);
    for (let start = from, next = from; start < to; start = next) {
      next = Math.min(start + characterLength(bytes[start] ?? 0), to);
      const stop = Math.min(start + longest, to);
      let covered = false;
      for (let node = root, at = start; at < stop;) {
        const byte = bytes[at++] ?? 0;
        const child = units[node + byte] ?? refuse(`units end before ${node + byte}`);
        if ((child & 0xff) !== byte) break;
        node = child >>> 8;
        const leaf = units[node + LEAF] ?? refuse(`units end before ${node + LEAF}`);
        if ((leaf & 0xff) !== LEAF) continue;
        const id = leaf >>> 8;
        paths.offer(start, at, id, scores[id] ?? refuse(`units have piece ${id} of ${scores.length}`));
        covered ||= at === next;
      }
      if (!covered) paths.offer(start, next, unk_id, unk_score);
    }

    if (!Number.isFinite(paths.scoreAt(to))) refuse('scores has a value that is not a finite number');
    for (const piece of paths.trace(from, to)) pieces.push(piece);
  }
  return pieces;
}

/** End of the word that begins at `from`: the next U+2581, or the end of the text. */
function wordEnd(bytes: Uint8Array, from: number): number {
  const [lead, second, third] = SPACE;
  let at = from;
  do at = bytes.indexOf(lead, at + 1);
  while (at !== -1 && (bytes[at + 1] !== second || bytes[at + 2] !== third));
  return at === -1 ? bytes.length : at;
}

/** The number of bytes of a character, by its first byte. */
function characterLength(lead: number): number {
  if (lead < 0xc0) return 1;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}
