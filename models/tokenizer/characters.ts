/** How the normalizers of `tokenizers` change each code point by itself. No I/O. */
import { decomposition } from '../../src/tokenizer/normalizers/normalization-forms.ts';
import { HANGUL, INVISIBLE } from '../../src/tokenizer/packed-unigram/normalize.ts';
import { isMark } from '../../src/tokenizer/unicode.ts';
import { BLOCK, type Characters } from '../../src/tokenizer/packed-unigram/format.ts';

/** Most code points: unassigned, private or surrogates. They do not change. */
const UNUSED = /^[\p{Cn}\p{Co}\p{Cs}]$/u;
const BLANKS = /[\t\n\v\f\r \u0085\u1680\u2028\u2029]/g;

/** Applies the normalizers in their order to a code point whose neighbours do not matter. */
function imageOf(point: number): string {
  const character = String.fromCodePoint(point);
  if (UNUSED.test(character)) return character;
  if (INVISIBLE.includes(character)) return '';
  const plain = character.replace(/[\u201c\u201d\u201e]/, '"').replace(/[\u2018\u2019]/, "'");
  // Character by character, so a final sigma becomes an ordinary one.
  return Array.from(decomposition(plain, 'NFKD'), (one) => (isMark(one) ? '' : one.toLowerCase()))
    .join('')
    .replace(BLANKS, ' ');
}

/** Hangul syllables are left unchanged here: they are decomposed by arithmetic. */
export function tabulateCharacters(): Characters {
  const encoder = new TextEncoder();
  const numbers = new Map<string, number>();
  const image_offsets = [0];
  const images: number[] = [];
  const index: number[] = [];
  const blocks: number[] = [];
  const known = new Map<string, number>();

  const valueOf = (point: number): number => {
    if (point >= HANGUL.first && point <= HANGUL.last) return 0;
    const image = imageOf(point);
    if (image === String.fromCodePoint(point)) return 0;
    const number = numbers.get(image) ?? numbers.size;
    if (number === numbers.size) {
      numbers.set(image, number);
      images.push(...encoder.encode(image));
      image_offsets.push(images.length);
    }
    return number + 1;
  };
  for (let first = 0; first < 0x110000; first += BLOCK) {
    const values = Array.from({ length: BLOCK }, (_, i) => valueOf(first + i));
    const key = values.join();
    const block = known.get(key) ?? known.size;
    if (block === known.size) {
      known.set(key, block);
      blocks.push(...values);
    }
    index.push(block);
  }
  return {
    index: Uint16Array.from(index),
    blocks: Uint16Array.from(blocks),
    image_offsets: Uint32Array.from(image_offsets),
    images: Uint8Array.from(images),
  };
}
