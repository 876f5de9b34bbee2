/** SentencePiece's precompiled normalization rules, applied as crate spm_precompiled applies them. No I/O. */
import { type AlignedText, type Put, startText, transform } from '../aligned-text.ts';
import { escapePattern } from '../escape-pattern.ts';
import { isAscii } from '../unicode.ts';

/** A grapheme with more UTF-8 bytes is looked up character by character. */
const LONGEST_GRAPHEME = 5;

/** A unit of the double-array trie (darts-clone), 32 bits. */
const labelOf = (unit: number) => (unit & 0x800000ff) >>> 0;
const offsetOf = (unit: number) => (unit >>> 10) << ((unit & 0x200) >>> 6);
const hasLeaf = (unit: number) => (unit & 0x100) !== 0;
const valueOf = (unit: number) => unit & 0x7fffffff;

/**
 * @param bytes the size of the trie in bytes (32 bits, little-endian); the trie, whose values are offsets into the rest; texts
 *   in UTF-8, each ended by a zero byte
 * @throws when the data is not of this form
 */
export function createPrecompiled(bytes: Uint8Array): (source: AlignedText) => AlignedText {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length < 4 ? Infinity : 4 + view.getUint32(0, true);
  if (end > bytes.length) throw new Error('tokenizer.json: precompiled_charsmap ends within its trie');
  const unitAt = (i: number) => (4 + 4 * i + 4 <= end ? view.getUint32(4 + 4 * i, true) : 0);
  const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });
  const textAt = (from: number): string => {
    const to = bytes.indexOf(0, from);
    return decoder.decode(bytes.subarray(from, to < 0 ? bytes.length : to));
  };

  /** The replacement for a text that begins with a key of the trie; of several keys, the shortest counts. */
  function replacementOf(text: string): string | undefined {
    let unit = unitAt(0);
    let node = offsetOf(unit);
    for (let at = 0; at < text.length;) {
      const point = text.codePointAt(at) ?? 0;
      at += point > 0xffff ? 2 : 1;
      for (let i = 0, length = lengthOf(point); i < length; i++) {
        const byte = byteOf(point, i, length);
        if (byte === 0) return undefined;
        node ^= byte;
        unit = unitAt(node);
        if (labelOf(unit) !== byte) return undefined;
        node ^= offsetOf(unit);
        if (hasLeaf(unit)) return textAt(end + valueOf(unitAt(node)));
      }
    }
    return undefined;
  }

  function putGrapheme(grapheme: string, put: (from: string, to: string) => void): void {
    if (grapheme.length === 1) return put(grapheme, replacementOf(grapheme) ?? grapheme);
    const replacement = isShort(grapheme) ? replacementOf(grapheme) : undefined;
    if (replacement !== undefined) return put(grapheme, replacement);
    for (const character of grapheme) put(character, replacementOf(character) ?? character);
  }

  let changed: RegExp | undefined;
  /** Finds what the rules change in ASCII. */
  function changedAscii(): RegExp {
    if (changed) return changed;
    const others = Array.from({ length: 0x80 }, (_, point) => String.fromCharCode(point)).filter(
      (character) => (replacementOf(character) ?? character) !== character,
    );
    return (changed = new RegExp([...others.map(escapePattern), '\\r\\n'].join('|'), 'v'));
  }

  return (source) => {
    const { text } = source;
    if (isAscii(text) && !changedAscii().test(text)) return source;
    if (source.starts.length > 0) {
      return transform(source, (put) => {
        const replacer = createReplacer(put);
        eachGrapheme(text, (grapheme) => putGrapheme(grapheme, replacer.replace));
        replacer.finish();
      });
    }
    const aligned = startText(source);
    eachGrapheme(text, (grapheme) => putGrapheme(grapheme, (_, to) => aligned.append(to, 0, 0)));
    return aligned.finish();
  };
}

/** Of a code point in UTF-8. */
const lengthOf = (point: number) => (point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4);
/** Byte `i` of a code point in UTF-8. */
function byteOf(point: number, i: number, length: number): number {
  const bits = point >> (6 * (length - 1 - i));
  if (i > 0) return 0x80 | (bits & 0x3f);
  return length === 1 ? point : ((0xf00 >> length) & 0xff) | bits;
}

function isShort(grapheme: string): boolean {
  if (grapheme.length > LONGEST_GRAPHEME) return false;
  let bytes = 0;
  for (const character of grapheme) bytes += lengthOf(character.codePointAt(0) ?? 0);
  return bytes <= LONGEST_GRAPHEME;
}

/**
 * Records that a text replaces another. Characters that are dropped before anything was added are not recorded, as in
 * `tokenizers`.
 * @param put gets each character when the next one is known, since that may drop characters after it
 */
function createReplacer(put: Put): { replace: (from: string, to: string) => void; finish: () => void } {
  let held: string | undefined;
  let change = 0;
  const finish = () => {
    if (held !== undefined) put(held, change);
  };
  const hold = (character: string, changed: number) => {
    finish();
    held = character;
    change = changed;
  };
  return {
    finish,
    replace(from, to) {
      if (from === to || (from.length === 1 && to.length === 1)) {
        for (const character of to) hold(character, 0);
        return;
      }
      let dropped = 0;
      for (const _ of from) dropped++;
      for (const character of to) hold(character, dropped-- > 0 ? 0 : 1);
      if (dropped > 0) change -= dropped;
    },
  };
}

/** Characters of one code unit that only a character outside this class may join. */
const PLAIN = String.raw`[\x20-\x7e\uac00-\ud7a3[[\p{L}&&[\u{80}-\u{ffff}]]&&[\p{sc=Arab}\p{sc=Cyrl}\p{sc=Grek}\p{sc=Hani}\p{sc=Hebr}\p{sc=Hira}\p{sc=Kana}\p{sc=Latn}]]]`;
let plainRuns: RegExp | undefined;

/** `Intl.Segmenter` takes a microsecond for each character, so the inner characters of plain runs go without it. */
function eachGrapheme(text: string, put: (grapheme: string) => void): void {
  const putAny = (part: string) => {
    if (isAscii(part)) for (const grapheme of part.match(/\r\n|./gs) ?? []) put(grapheme);
    else for (const { segment } of new Intl.Segmenter().segment(part)) put(segment);
  };
  if (isAscii(text)) return putAny(text);
  plainRuns ??= new RegExp(`${PLAIN}{3,}`, 'gv');
  let from = 0;
  for (const { 0: run, index } of text.matchAll(plainRuns)) {
    // The first and the last character may belong to a grapheme with their other neighbours.
    if (from <= index) putAny(text.slice(from, index + 1));
    const last = index + run.length - 1;
    for (let at = index + 1; at < last; at++) put(text.charAt(at));
    from = last;
  }
  putAny(text.slice(from));
}
