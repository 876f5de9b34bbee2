/** Text to ids and ids to text, by the model's own `tokenizer.json`. The one importer of the library. No I/O. */
import { Tokenizer as Library } from '@huggingface/tokenizers';

import type { Encoding } from '../inference/backend.ts';
import type { Manifest } from '../model/manifest.ts';
import { type MaskedText, spellMasks } from './masks.ts';

export interface Tokenizer {
  /**
   * The whole text with special tokens, however long it is.
   * @throws when the model does not see as many masks as were found in the text: a fault of its tokenizer file
   */
  encode(masked: MaskedText): Encoding;
  /** The ids of a word that begins where a word begins (`startsWord`), or that goes on inside one. */
  encodeTarget(target: string, startsWord: boolean): number[];
  /** The text of one id, as `transformers` decodes it alone. */
  decode(id: number): string;
  readonly unk_id: number;
}

/**
 * @param json the parsed `tokenizer.json`
 * @throws when the library does not know something in it
 */
export function createTokenizer(
  json: object,
  { special_tokens: special }: Pick<Manifest, 'special_tokens'>,
): Tokenizer {
  const library = new Library(json, {});
  return {
    unk_id: special.unk.id,

    encode(masked) {
      const { ids, token_type_ids } = library.encode(spellMasks(masked, special.mask.token), {
        return_token_type_ids: true,
      });
      const input_ids = Int32Array.from(ids);
      const masked_positions = Int32Array.from(
        ids.flatMap((id, position) => (id === special.mask.id ? [position] : [])),
      );
      if (masked_positions.length !== masked.masks.length) {
        throw new Error(
          `the tokenizer sees ${masked_positions.length} masks where the text has ${masked.masks.length}`,
        );
      }
      return { input_ids, token_type_ids: Int32Array.from(token_type_ids), masked_positions };
    },

    encodeTarget(target, startsWord) {
      // After a mask nothing is put before the first word, which is how a continuation is tokenized.
      const text = startsWord ? target.trim() : special.mask.token + target.trim();
      const { ids } = library.encode(text, { add_special_tokens: false });
      return startsWord ? ids : ids.slice(1);
    },

    decode: (id) => library.decode([id], { skip_special_tokens: false }),
  };
}
