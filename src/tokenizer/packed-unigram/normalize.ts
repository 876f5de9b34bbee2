/**
 * The normalizer and the Metaspace pre-tokenizer of `tokenizers`, in one pass over the code points. No I/O.
 *
 * As decomposition is followed by the removal of every combining mark, what becomes of a code point depends on its
 * neighbours in three cases only: two ` or ' make one ", a run of blanks makes one, and blanks at the end are dropped.
 */
import { BLOCK, type Characters, entryOf, refuse } from './format.ts';

/** Removed before anything else is looked at. */
export const INVISIBLE = '\u00ad\u200b\u200c\u200d\u2060\ufeff';
/** What stands for a blank in a piece: U+2581, in UTF-8. */
export const SPACE = [0xe2, 0x96, 0x81] as const;

const [BLANK, QUOTE, APOSTROPHE, GRAVE] = [0x20, 0x22, 0x27, 0x60];
const REPLACEMENT = 0xfffd;

/** Unicode 17.0, section 3.12.2: Hangul Syllable Decomposition. */
export const HANGUL = { first: 0xac00, last: 0xd7a3, l: 0x1100, v: 0x1161, t: 0x11a7, vs: 21, ts: 28 };

/** What lies between two added tokens, as the model reads it. */
export interface NormalizedText {
  /** (bytes,) UTF-8, every blank as U+2581. */
  readonly bytes: Uint8Array;
  /** (bytes,) where the character begins that each byte comes from, in code units of the text. */
  readonly origins: Int32Array;
}

/**
 * Normalizes what lies between two added tokens. A lone surrogate is read as U+FFFD.
 *
 * A blank is put before what comes from the very first character of the text, as `prepend_scheme: first` tells it by
 * alignments: not before what follows something that was removed, nor before a " that stands for two characters.
 *
 * @param text of which the code units from `from` to `to` are read
 * @throws when the table of characters names what is not there
 */
export function normalize(text: string, from: number, to: number, characters: Characters): NormalizedText {
  const { index, blocks, image_offsets, images } = characters;
  // Room for a blank before what comes first, and for three bytes of each code unit.
  let bytes = new Uint8Array(3 * (to - from + 4));
  let origins = new Int32Array(bytes.length);
  let length: number = SPACE.length;
  /** Where the code point begins that is being taken. */
  let origin = from;
  /** Blanks are written when something follows them, as coming from the last of them: its origin, or −1. */
  let blank = -1;
  /** The index of the code point that the first byte comes from. */
  let first = -1;
  /** A ` or ' that may be the first of two, or 0, and its index. */
  let open = 0;
  let openAt = 0;

  /** For so many bytes more. */
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
    // Four bytes, and a blank before them.
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
    // At worst, nothing but blanks, and one before them.
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
  /** Writes what becomes of one code point, which stands at `at`. */
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
