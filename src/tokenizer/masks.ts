/** Finds the masks in a text as a person wrote it. Both spellings are understood, whichever is the model's. No I/O. */
import { isWhitespace } from './unicode.ts';

/** A text and where its masks stand, in UTF-16 code units, ascending. Holds at least one. */
export interface MaskedText {
  readonly text: string;
  readonly masks: readonly { readonly start: number; readonly end: number }[];
}

/** A text with every mask spelled as the model has it. */
export interface SpelledText {
  readonly text: string;
  /** Where a place in it is in the text as it was sent, both in UTF-16 code units. */
  readonly sentAt: (position: number) => number;
}

const MASK = /\[MASK\]|<mask>/g;

export function findMasks(text: string): MaskedText {
  const masks = Array.from(text.matchAll(MASK), ({ 0: match, index }) => ({ start: index, end: index + match.length }));
  return { text, masks };
}

export function spellMasks({ text, masks }: MaskedText, token: string): SpelledText {
  if (masks.every(({ start, end }) => text.slice(start, end) === token))
    return { text, sentAt: (position) => position };
  let spelled = '';
  // (code units of the spelled text,) where each is in the text as it was sent; within a mask, where that begins.
  const places: number[] = [];
  let from = 0;
  const copy = (to: number) => {
    spelled += text.slice(from, to);
    for (; from < to; from++) places.push(from);
  };
  for (const { start, end } of masks) {
    copy(start);
    spelled += token;
    for (let i = 0; i < token.length; i++) places.push(start);
    from = end;
  }
  copy(text.length);
  return { text: spelled, sentAt: (position) => places[position] ?? text.length };
}

/** What stands before mask `index`: a character, or nothing at the beginning. */
export function characterBefore({ text, masks }: MaskedText, index: number): string {
  const start = masks[index]?.start ?? 0;
  return Array.from(text.slice(Math.max(0, start - 2), start)).at(-1) ?? '';
}

/** The text with mask `index` replaced and the others as they were written. */
export function fillIn(masked: MaskedText, index: number, replacement: string): string {
  if (!masked.masks[index]) throw new RangeError(`no mask ${index} in a text with ${masked.masks.length}`);
  return fillAll(
    masked,
    masked.masks.map((_, m) => (m === index ? replacement : undefined)),
  );
}

/** @param replacements (masks,) undefined where one is to stay as it was written. None brings a second blank. */
export function fillAll(masked: MaskedText, replacements: readonly (string | undefined)[]): string {
  const { text, masks } = masked;
  let filled = '';
  let from = 0;
  for (const [m, { start, end }] of masks.entries()) {
    const replacement = replacements[m];
    if (replacement === undefined) continue;
    const before = characterBefore(masked, m);
    const isApart = before === '' || isWhitespace(before);
    filled += text.slice(from, start) + (isApart ? replacement.replace(/^ /, '') : replacement);
    from = end;
  }
  return filled + text.slice(from);
}
