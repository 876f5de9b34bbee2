/** Converts the vocabulary files of BERT and RoBERTa to the `model` of a `tokenizer.json`, as `tokenizers` does. No I/O. */

/** A `model` of a `tokenizer.json`. */
export type ModelJson = Readonly<Record<string, unknown>>;

/** The characters that Rust trims, which differ from those of JavaScript. */
const TRAILING_BLANKS = /\p{White_Space}+$/u;

/**
 * WordPiece, as in BERT.
 * @param text of `vocab.txt`: one piece per line, with the line number from 0 as its id. Of equal lines the last counts.
 */
export function wordPieceModel(text: string, unk_token: string): ModelJson {
  const lines = text.replace(/\n$/, '').split('\n');
  const vocab = Object.fromEntries(lines.map((line, id) => [line.replace(TRAILING_BLANKS, ''), id]));
  return { type: 'WordPiece', unk_token, continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab };
}

/**
 * Byte-level BPE, as in RoBERTa.
 * @param vocabulary the text of `vocab.json`: ids by piece
 * @param merges the text of `merges.txt`: two pieces per line, in the order of merging
 * @throws if a line is not a pair, or makes a piece that the vocabulary lacks
 */
export function bpeModel(vocabulary: string, merges: string): ModelJson {
  const vocab: unknown = JSON.parse(vocabulary);
  if (typeof vocab !== 'object' || vocab === null) throw new Error('vocab.json is not an object');
  for (const [piece, id] of Object.entries(vocab)) {
    if (!Number.isSafeInteger(id))
      throw new Error(`vocab.json: the id of ${piece} is ${JSON.stringify(id)}, not an integer`);
  }
  const lines = merges.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#version'));
  for (const [i, line] of lines.entries()) {
    const [left, right, ...more] = line.split(' ');
    if (!left || !right || more.length > 0) {
      throw new Error(`merges.txt: merge ${i + 1}, ${JSON.stringify(line)}, is not a pair`);
    }
    const missing = [left, right, left + right].find((piece) => !Object.hasOwn(vocab, piece));
    if (missing !== undefined) {
      throw new Error(`merges.txt: merge ${i + 1}, ${JSON.stringify(line)}: vocab.json has no ${missing}`);
    }
  }
  return {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: '',
    end_of_word_suffix: '',
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab,
    merges: lines,
  };
}
