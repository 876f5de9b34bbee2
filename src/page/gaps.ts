/** Finds the gaps and the words of a sentence as a person types it. No I/O. */
import type { MaskedText } from '../tokenizer/masks.ts';

export const MASK = '[MASK]';

/** `[MASK]` and `<mask>` in any case, `____`, and `...` or `…` in place of a word, but not at the end of one. */
const GAP = /\[MASK\]|<mask>|(?<![\p{L}\p{N}_])_{2,}(?![\p{L}\p{N}_])|(?<!\S)(?:\.{3}|…)(?![\p{L}\p{N}.])/giu;

/** @returns the text with its gaps as masks; there may be none */
export function findGaps(text: string): MaskedText {
  const masks = Array.from(text.matchAll(GAP), ({ 0: match, index }) => ({ start: index, end: index + match.length }));
  return { text, masks };
}

/** The same text as the API understands it: every gap is `[MASK]`. */
export function spellGaps({ text, masks }: MaskedText): MaskedText {
  let spelled = '';
  let from = 0;
  const places = masks.map(({ start, end }) => {
    spelled += text.slice(from, start);
    from = end;
    const place = { start: spelled.length, end: spelled.length + MASK.length };
    spelled += MASK;
    return place;
  });
  return { text: spelled + text.slice(from), masks: places };
}

export interface Segment {
  readonly kind: 'word' | 'gap' | 'other';
  readonly start: number;
  readonly end: number;
}

/** Splits a text into its words, its gaps and what is between them. Together they are the whole text. */
export function splitWords({ text, masks }: MaskedText): Segment[] {
  const segments: Segment[] = [];
  const words = new Intl.Segmenter(undefined, { granularity: 'word' });
  const split = (from: number, to: number) => {
    for (const { segment, index, isWordLike } of words.segment(text.slice(from, to))) {
      const start = from + index;
      segments.push({ kind: isWordLike === true ? 'word' : 'other', start, end: start + segment.length });
    }
  };
  let from = 0;
  for (const { start, end } of masks) {
    split(from, start);
    segments.push({ kind: 'gap', start, end });
    from = end;
  }
  split(from, text.length);
  return segments;
}
