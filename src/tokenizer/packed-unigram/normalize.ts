/**
 * The normalizer and the Metaspace pre-tokenizer of `tokenizers`, in one pass over the code points. No I/O.
 *
 * Decomposition is followed by the removal of every combining mark. So the result for a code point depends on its
 * neighbours in three cases only: two ` or ' become one ", adjacent spaces become one, and spaces at the end are dropped.
 */
import { BLOCK, type Characters, entryOf, refuse } from './format.ts';

/** Removed before everything else. */
export const INVISIBLE = '\u00ad\u200b\u200c\u200d\u2060\ufeff';
/** The sign for a space in a piece, U+2581, in UTF-8. */
export const SPACE = [0xe2, 0x96, 0x81] as const;

const [BLANK, QUOTE, APOSTROPHE, GRAVE] = [0x20, 0x22, 0x27, 0x60];
const REPLACEMENT = 0xfffd;

/** Unicode 17.0, section 3.12.2: Hangul Syllable Decomposition. */
export const HANGUL = { first: 0xac00, last: 0xd7a3, l: 0x1100, v: 0x1161, t: 0x11a7, vs: 21, ts: 28 };

/** A section between two added tokens, as the model reads it. */
export interface NormalizedText {
  /** (bytes,) UTF-8, with U+2581 for every space. */
  readonly bytes: Uint8Array;
  /** (bytes,) start of the character that each byte comes from, in code units of the text. */
  readonly origins: Int32Array;
}

/**
 * Normalizes a section between two added tokens. A lone surrogate is read as U+FFFD.
 *
 * A space is put before the result if that comes from the very first character of the text (`prepend_scheme: first`
 * decides this by alignments): not after a character that was removed, nor before a " that replaces two characters.
 *
 * @param text whose code units from `from` to `to` are normalized
 * @throws when the table of characters is inconsistent
 */
export function normalize(text: string, from: number, to: number, characters: Characters): NormalizedText {
  const { index, blocks, image_offsets, images } = characters;
  // Space for one prefix, and for three bytes of each code unit.
  let bytes = new Uint8Array(3 * (to - from + 4));
  let origins = new Int32Array(bytes.length);
  let length: number = SPACE.length;
  /** Start of the current code point. */
  let origin = from;
  /** Spaces are written when a character follows them, with the origin of the last of them; −1 for none. */
  let blank = -1;
  /** The code unit that the first byte comes from. */
  let first = -1;
  /** A ` or ' that may be the first of two (0 for none), and its position. */
  let open = 0;
  let openAt = 0;

  /** Makes room for `more` bytes. */
  const makeRoom = (more: number) => {
    if (length + more <= bytes.length) return;
    const [smaller, before] = [bytes, origins];
    bytes = new Uint8Array(2 * (length + more));
    origins = new Int32Array(bytes.length);
    bytes.set(smaller.subarray(0, length));
    origins.set(before.subarray(0, length));
  };
  const writeSpace = (at: number, comesFrom: number) => {
    bytes.set(SPACE, at);
    origins.fill(comesFrom, at, at + SPACE.length);
  };
  const write = (byte: number) => {
    if (byte === BLANK) {
      blank = origin;
      return;
    }
    if (blank >= 0) {
      writeSpace(length, blank);
      length += SPACE.length;
      blank = -1;
    }
    origins[length] = origin;
    bytes[length++] = byte;
  };
  const writeCodePoint = (point: number) => {
    // Four bytes, and a space before them.
    makeRoom(4 + SPACE.length);
    if (point < 0x80) return write(point);
    if (point < 0x800) write(0xc0 | (point >> 6));
    else {
      if (point < 0x10000) write(0xe0 | (point >> 12));
      else {
        write(0xf0 | (point >> 18));
        write(0x80 | ((point >> 12) & 0x3f));
      }
      write(0x80 | ((point >> 6) & 0x3f));
    }
    write(0x80 | (point & 0x3f));
  };
  const writeImage = (image: number) => {
    const written = entryOf(image_offsets, images, image, 'image_offsets_at');
    // At worst, only spaces, and one before them.
    makeRoom(SPACE.length * (written.length + 1));
    for (const byte of written) write(byte);
  };
  const writeHangul = (point: number) => {
    const syllable = point - HANGUL.first;
    const lead = Math.floor(syllable / (HANGUL.vs * HANGUL.ts));
    const trail = syllable % HANGUL.ts;
    writeCodePoint(HANGUL.l + lead);
    writeCodePoint(HANGUL.v + Math.floor((syllable % (HANGUL.vs * HANGUL.ts)) / HANGUL.ts));
    if (trail > 0) writeCodePoint(HANGUL.t + trail);
  };
  /** Writes the result for one code point at position `at`. */
  const take = (point: number, at: number) => {
    origin = at;
    if (point >= HANGUL.first && point <= HANGUL.last) writeHangul(point);
    else {
      const block = index[Math.floor(point / BLOCK)] ?? refuse(`index ends before ${point}`);
      const value = blocks[block * BLOCK + (point % BLOCK)] ?? refuse(`index names block ${block}`);
      if (value === 0) writeCodePoint(point);
      else writeImage(value - 1);
    }
    if (first < 0 && (length > SPACE.length || blank >= 0)) first = at;
  };

  for (let at = from; at < to;) {
    const read = text.codePointAt(at) ?? REPLACEMENT;
    const point = read >= 0xd800 && read <= 0xdfff ? REPLACEMENT : read;
    if (open > 0 && !INVISIBLE.includes(String.fromCodePoint(point))) {
      if (point === open) {
        take(QUOTE, at);
        open = 0;
        at++;
        continue;
      }
      take(open, openAt);
      open = 0;
    }
    if (point === APOSTROPHE || point === GRAVE) {
      open = point;
      openAt = at;
    } else take(point, at);
    at += point > 0xffff ? 2 : 1;
  }
  if (open > 0) take(open, openAt);

  const begin = SPACE.length;
  const isBegun = first !== 0 || length === begin || startsWithSpace(bytes.subarray(begin));
  if (!isBegun) writeSpace(0, origins[begin] ?? 0);
  return { bytes: bytes.subarray(isBegun ? begin : 0, length), origins: origins.subarray(isBegun ? begin : 0, length) };
}

const startsWithSpace = (bytes: Uint8Array) => SPACE.every((byte, i) => bytes[i] === byte);
