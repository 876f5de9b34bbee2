/** What the normalizer of `tokenizers` makes of each code point by itself. No I/O. */
import { HANGUL, INVISIBLE } from '../../src/tokenizer/normalize.ts';
import { BLOCK, type Characters } from '../../src/tokenizer/unigram-format.ts';

/**
 * `tokenizers` decomposes and knows combining marks by Unicode 9.0. What it leaves alone and later versions do not, up to the
 * 17.0 of Node 22, lies in these ranges; nothing else that would be changed does. Another Unicode shows in a test.
 */
const UNTOUCHED = (
  '7fd 897-8d3 9fe afa-aff b55 c04-c3c cf3-d00 d3b-d3c d81 eba ece 1715 180f 1abf-1aeb 1cf7 1df6-1dfa 32ff a7f1-a7f4 ' +
  'a82c a8ff ab69 105c9-107ba 10d24-10d27 10d69-10f85 11070-11074 110c2 11145-11146 111c9 111ce-111cf 11241 1133b ' +
  '11383-113e2 1145e 1182c-1183a 11930-11b67 11d31-1612f 16d68-16d6a 16f4f 16f7f-16f87 16fe4-16ff1 1ccd6-1cf46 ' +
  '1e030-1e6f5 1f16c 1fbf0-1fbf9'
)
  .split(' ')
  .map((range) => range.split('-').map((point) => parseInt(point, 16)))
  .map(([first = 0, last = first]) => ({ first, last }));

/** Marks in Unicode 9.0, letters since 12.0. */
const MARKS = /[\p{M}\u1cf2\u1cf3]/gu;
/** Most code points: not assigned, private, or halves of a pair. They stay as they are. */
const UNUSED = /^[\p{Cn}\p{Co}\p{Cs}]$/u;
const BLANKS = /[\t\n\v\f\r \u0085\u1680\u2028\u2029]/g;

/** The normalizers of the tokenizer in their order, for one code point whose neighbours do not matter. */
function imageOf(point: number): string {
  const character = String.fromCodePoint(point);
  if (UNUSED.test(character)) return character;
  if (UNTOUCHED.some(({ first, last }) => point >= first && point <= last)) return character;
  if (INVISIBLE.includes(character)) return '';
  const plain = character.replace(/[\u201c\u201d\u201e]/, '"').replace(/[\u2018\u2019]/, "'");
  const stripped = plain.normalize('NFKD').replace(MARKS, '');
  // One by one: a final sigma is not known as one.
  return Array.from(stripped, (one) => one.toLowerCase())
    .join('')
    .replace(BLANKS, ' ');
}

/** The syllables of Hangul are in it as themselves: they are decomposed by arithmetic. */
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
