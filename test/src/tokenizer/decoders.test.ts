/** The decoders: tokens in, a text out. Expected values are those of `tokenizers` 0.23. */
import { describe, expect, it } from 'vitest';

import { createDecoder } from '../../../src/tokenizer/decoders/create-decoder.ts';

const wordPiece = (cleanup: boolean) => ({ type: 'WordPiece', prefix: '##', cleanup });
const metaspace = (changes = {}) => ({ type: 'Metaspace', replacement: '\u2581', ...changes });
const replace = (pattern: object, content: string) => ({ type: 'Replace', pattern, content });
const ENGLISH = ['i', 'do', "n't", "'s", '.', ',', "'", 'not', ' do not', '##x'];
const SEQUENCE = {
  type: 'Sequence',
  decoders: [replace({ String: '\u2581' }, ' '), { type: 'Fuse' }, { type: 'Strip', content: ' ', start: 1, stop: 0 }],
};

describe('a decoder', () => {
  it.each<[unknown, string[], string]>([
    // Without a decoder, every token is a word.
    [null, ['walk', '##ing'], 'walk ##ing'],
    [wordPiece(true), ENGLISH, "i don't's., ' not  don'tx"],
    [wordPiece(false), ENGLISH, "i do n't 's . , ' not  do notx"],
    [wordPiece(true), ['##ing', '##s', '##ing'], '##ingsing'],
    [wordPiece(true), ['i', '!', '?', "'m", "'ve", "'re"], "i!?'m've're"],
    [wordPiece(true), [], ''],
    [{ type: 'ByteLevel' }, ['Ã', '©', 'Ġa', '☃'], 'é a☃'],
    [{ type: 'ByteLevel' }, ['©', 'Ġa'], '\ufffd a'],
    [metaspace(), ['\u2581a', '\u2581b\u2581', 'c'], 'a b c'],
    [metaspace({ prepend_scheme: 'never' }), ['\u2581a', '\u2581b'], ' a b'],
    [metaspace({ add_prefix_space: false }), ['\u2581a'], ' a'],
    [{ type: 'Fuse' }, ['a', 'b'], 'ab'],
    [{ type: 'Strip', content: 'x', start: 1, stop: 2 }, ['xxaxxx'], 'xax'],
    [replace({ Regex: 'a+' }, '$&'), ['aab'], '$&b'],
    [SEQUENCE, ['\u2581\u2581a', '\u2581b'], ' a b'],
  ])('%j makes of %j %j', (json, tokens, text) => {
    expect(createDecoder(json)(tokens)).toBe(text);
  });

  it('is refused by name', () => {
    expect(() => createDecoder({ type: 'CTC' })).toThrow('decoder.type is not supported');
  });
});
