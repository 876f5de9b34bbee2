/**
 * Text to ids and ids to text by the binary form of a unigram tokenizer (src/tokenizer/unigram-format.ts), whose
 * loading is a check of its header. Gives the ids that `tokenizers` 0.23 gives. No I/O.
 */
import { spellMasks } from './masks.ts';
import { normalize } from './normalize.ts';
import { segment } from './segment.ts';
import type { Tokenizer } from './tokenizer.ts';
import { entryOf, readUnigram } from './unigram-format.ts';

/** How the special tokens are spelled in a text, and which field of the header has their ids. */
export const SPECIAL = {
  pad_id: '<pad>',
  unk_id: '<unk>',
  cls_id: '[CLS]',
  sep_id: '[SEP]',
  mask_id: '[MASK]',
} as const;

const isBlank = (unit: string) => /^\p{White_Space}$/u.test(unit);

/**
 * @param bytes what `packUnigram` (models/tokenizer/unigram.ts) made; not to be changed afterwards
 * @throws saying what is wrong with them
 */
export function createUnigramTokenizer(bytes: Uint8Array): Tokenizer {
  const { header, vocabulary, characters, piece_offsets, pieces } = readUnigram(bytes);
  const { cls_id, sep_id, mask_id, unk_id } = header;
  const special = Object.entries(SPECIAL).map(([field, token]) => ({
    token,
    id: header[field as keyof typeof SPECIAL],
  }));
  const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

  /** Appends the ids of a text, without the tokens at its ends. */
  function appendIds(text: string, ids: number[]): void {
    let from = 0;
    const appendPlain = (to: number) => {
      if (from < to) segment(vocabulary, normalize(text, from, to, characters), ids);
    };
    for (let at = 0; at < text.length; at++) {
      if (text[at] !== '<' && text[at] !== '[') continue;
      const found = special.find(({ token }) => text.startsWith(token, at));
      if (!found) continue;
      let to = at;
      // A mask stands for a word with the blanks before it.
      if (found.id === mask_id) while (to > from && isBlank(text.charAt(to - 1))) to--;
      appendPlain(to);
      ids.push(found.id);
      from = at + found.token.length;
      at = from - 1;
    }
    appendPlain(text.length);
  }

  return {
    unk_id,

    encode(masked) {
      const ids = [cls_id];
      appendIds(spellMasks(masked, SPECIAL.mask_id), ids);
      ids.push(sep_id);
      const masked_positions = ids.flatMap((id, position) => (id === mask_id ? [position] : []));
      if (masked_positions.length !== masked.masks.length) {
        throw new Error(
          `the tokenizer sees ${masked_positions.length} masks where the text has ${masked.masks.length}`,
        );
      }
      return {
        input_ids: Int32Array.from(ids),
        token_type_ids: new Int32Array(ids.length),
        masked_positions: Int32Array.from(masked_positions),
      };
    },

    encodeTarget(target, startsWord) {
      const ids: number[] = [];
      // After a mask nothing is put before the first word, which is how a continuation is tokenized.
      appendIds(startsWord ? target.trim() : SPECIAL.mask_id + target.trim(), ids);
      return startsWord ? ids : ids.slice(1);
    },

    decode(id) {
      if (!(id >= 0 && id < header.pieces)) {
        throw new RangeError(`no piece ${id} in a vocabulary of ${header.pieces}`);
      }
      return decoder.decode(entryOf(piece_offsets, pieces, id, 'piece_offsets_at')).replaceAll('\u2581', '');
    },
  };
}
