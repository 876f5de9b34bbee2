/** SentencePiece's precompiled normalization rules, applied as crate spm_precompiled applies them. No I/O. */
import { type AlignedText, type Change, transform } from '../aligned-text.ts';
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
  const encoder = new TextEncoder();
  const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

  /** The replacement for a text that begins with a key of the trie; of several keys, the shortest counts. */
  function replacementOf(utf8: Uint8Array): string | undefined {
    let unit = unitAt(0);
    let node = offsetOf(unit);
    for (const byte of utf8) {
      if (byte === 0) return undefined;
      node ^= byte;
      unit = unitAt(node);
      if (labelOf(unit) !== byte) return undefined;
      node ^= offsetOf(unit);
      if (!hasLeaf(unit)) continue;
      const from = end + valueOf(unitAt(node));
      const to = bytes.indexOf(0, from);
      return decoder.decode(bytes.subarray(from, to < 0 ? bytes.length : to));
    }
    return undefined;
  }

  return (source) => {
    const changes: Change[] = [];
    for (const grapheme of graphemesOf(source.text)) {
      const utf8 = encoder.encode(grapheme);
      const replacement = utf8.length <= LONGEST_GRAPHEME ? replacementOf(utf8) : undefined;
      if (replacement !== undefined) replace(changes, grapheme, replacement);
      else if (grapheme.length === 1) changes.push({ character: grapheme, change: 0 });
      else {
        for (const character of grapheme) {
          replace(changes, character, replacementOf(encoder.encode(character)) ?? character);
        }
      }
    }
    return transform(source, changes);
  };
}

/**
 * Records that `to` replaces `from`. Characters that are dropped before anything was added are not recorded, as in
 * `tokenizers`.
 */
function replace(changes: Change[], from: string, to: string): void {
  const [dropped, added] = [Array.from(from), Array.from(to)];
  for (const [i, character] of added.entries()) changes.push({ character, change: i < dropped.length ? 0 : 1 });
  const last = changes.at(-1);
  if (last && added.length < dropped.length) {
    changes[changes.length - 1] = { ...last, change: last.change + added.length - dropped.length };
  }
}

function graphemesOf(text: string): Iterable<string> {
  // Most texts are ASCII, and this is much faster.
  if (isAscii(text)) return text.match(/\r\n|./gs) ?? [];
  return Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
}
