/**
 * Words of several pieces for each mask of a text, each mask by itself. A word of n pieces takes n masks in the place of one, as a
 * target does (see targets.ts), and has the score that it would have as a target. For each n a beam search fills the pieces from
 * left to right: the likeliest first pieces, and for each the likeliest pieces that continue it. No I/O of its own.
 */
import type { Encoding } from '../inference/backend.ts';
import { MAX_WORD_PIECES } from '../limits.ts';
import { isWhitespace, isWordCharacter } from '../tokenizer/unicode.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { isWordPiece } from './filter.ts';
import { logitsRow, type Runner, runModel } from './runs.ts';
import { expandMask } from './targets.ts';
import { topCandidates } from './top-k.ts';
import type { Work } from './work.ts';

/** A word, or the beginning of one, at a mask. */
interface Word {
  readonly mask: number;
  /** How many pieces the whole word has. */
  readonly pieces: number;
  /** The pieces so far. */
  readonly ids: readonly number[];
  /** Natural logarithm of the product of their probabilities, each given the pieces before it. */
  readonly log_probability: number;
}

/**
 * @param costOf multiply-adds of a text of so many tokens, with the logits of so many masks
 * @returns multiply-adds of the search, at most: for each mask and number of pieces one run, and then one for each beam and piece
 */
export function wordSearchWork(
  { input_ids, masked_positions }: Pick<Encoding, 'input_ids' | 'masked_positions'>,
  num_beams: number,
  costOf: (tokens: number, rows: number) => number,
): number {
  let work = 0;
  for (let pieces = 2; pieces <= MAX_WORD_PIECES; pieces++) {
    work += (1 + (pieces - 1) * num_beams) * costOf(input_ids.length + pieces - 1, 1);
  }
  return masked_positions.length * work;
}

/**
 * @param befores (masks,) the character before each mask, or nothing at the beginning of the text
 * @returns (masks,) words of two or more pieces, in no order: for each number of pieces at most `num_beams`
 */
export async function searchWords(
  encoding: Encoding,
  befores: readonly string[],
  num_beams: number,
  mask_id: number,
  tokenizer: Tokenizer,
  runner: Runner,
  work: Work,
): Promise<Pick<Word, 'ids' | 'log_probability'>[][]> {
  const found: Word[][] = befores.map(() => []);
  let open: Word[] = befores.flatMap((_, mask) =>
    Array.from({ length: MAX_WORD_PIECES - 1 }, (__, n) => ({ mask, pieces: n + 2, ids: [], log_probability: 0 })),
  );
  for (let piece = 0; piece < MAX_WORD_PIECES; piece++) {
    /** By mask and number of pieces. */
    const reached = new Map<string, Word[]>();
    const texts = open.map(({ mask, pieces, ids }) =>
      expandMask(encoding, mask, [...ids, ...Array.from({ length: pieces - piece }, () => mask_id)], piece, mask_id),
    );
    await runModel(texts, runner, work, (logits, i) => {
      const word = open[i] as Word;
      const { row, total } = logitsRow(logits, 0);
      const key = `${word.mask} ${word.pieces}`;
      const before = befores[word.mask] ?? '';
      const isKept = (id: number) =>
        piece === 0 ? isFirstPiece(id, before, tokenizer) : isContinuation(id, tokenizer);
      const next = topCandidates(row, total, num_beams, isKept).map(({ token }) => ({
        mask: word.mask,
        pieces: word.pieces,
        ids: [...word.ids, token],
        log_probability: word.log_probability + row[token]! - total,
      }));
      reached.set(key, [...(reached.get(key) ?? []), ...next].toSorted(inOrder).slice(0, num_beams));
    });
    const words = [...reached.values()].flat();
    for (const word of words) if (word.ids.length === word.pieces) found[word.mask]?.push(word);
    open = words.filter(({ ids, pieces }) => ids.length < pieces);
  }
  return found.map((words, m) => words.filter(({ ids }) => isOwnSpelling(ids, befores[m] ?? '', tokenizer)));
}

/** Whether a piece is whole at a mask: one that continues a word is not, after a space. */
export function startsWord(id: number, before: string, tokenizer: Tokenizer): boolean {
  return (before !== '' && !isWhitespace(before)) || !tokenizer.continuesWord(id);
}

/** Inside a word, a piece that does not continue it would be spelled in another way. */
function isFirstPiece(id: number, before: string, tokenizer: Tokenizer): boolean {
  const isFit = isWordCharacter(before) ? tokenizer.continuesWord(id) : startsWord(id, before, tokenizer);
  return isFit && isWordPiece(id, tokenizer);
}

/** A part of a character that several pieces of bytes make has no text of its own yet. */
const PART_OF_CHARACTER = '\uFFFD';

function isContinuation(id: number, tokenizer: Tokenizer): boolean {
  if (!tokenizer.continuesWord(id)) return false;
  return isWordPiece(id, tokenizer) || tokenizer.decode([id]).includes(PART_OF_CHARACTER);
}

/**
 * Whether the tokenizer spells the word with these pieces. Others are another spelling of a word that has its own pieces, pieces
 * that are no word together, or parts of characters.
 */
function isOwnSpelling(ids: readonly number[], before: string, tokenizer: Tokenizer): boolean {
  const own = tokenizer.encodeTarget(tokenizer.fill(ids), before);
  return own.length === ids.length && own.every((id, i) => id === ids[i]);
}

/** Most likely first; of equals, the lower ids. */
function inOrder(a: Word, b: Word): number {
  const first = a.ids.findIndex((id, i) => id !== b.ids[i]);
  return b.log_probability - a.log_probability || (a.ids[first] ?? 0) - (b.ids[first] ?? 0);
}
