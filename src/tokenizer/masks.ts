/** Finds the masks in a text. Both usual spellings are accepted for every model. No I/O. */
import { escapePattern } from './escape-pattern.ts';
import { isWhitespace } from './unicode.ts';

/** A text with the positions of its masks in UTF-16 code units, ascending. Has at least one mask. */
export interface MaskedText {
  readonly text: string;
  readonly masks: readonly { readonly start: number; readonly end: number }[];
}

/** A text in which every mask has the model's own spelling. */
export interface SpelledText {
  readonly text: string;
  /** Converts a position in this text to one in the original text, both in UTF-16 code units. */
  readonly sentAt: (position: number) => number;
}

const USUAL: readonly string[] = ['[MASK]', '<mask>'];
const patternOf = (spellings: readonly string[]) => new RegExp(spellings.map(escapePattern).join('|'), 'gu');
const MASK = patternOf(USUAL);

/** @param own the model's own spelling, once it is known: it is accepted too */
export function findMasks(text: string, own?: string): MaskedText {
  const pattern = own === undefined || USUAL.includes(own) ? MASK : patternOf([own, ...USUAL]);
  const masks = Array.from(text.matchAll(pattern), ({ 0: match, index }) => ({
    start: index,
    end: index + match.length,
  }));
  return { text, masks };
}

export function spellMasks({ text, masks }: MaskedText, token: string): SpelledText {
  if (masks.every(({ start, end }) => text.slice(start, end) === token))
    return { text, sentAt: (position) => position };
  let spelled = '';
  // (code units of the spelled text,) position of each in the original text; within a mask, where the mask begins.
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

/** The character before mask `index`, or nothing at the beginning. */
export function characterBefore({ text, masks }: MaskedText, index: number): string {
  const start = masks[index]?.start ?? 0;
  return Array.from(text.slice(Math.max(0, start - 2), start)).at(-1) ?? '';
}

/**
 * The text with mask `index` replaced and the other masks unchanged.
 * @param joins whether the spaces before the mask go
 */
export function fillIn(masked: MaskedText, index: number, replacement: string, joins = false): string {
  if (!masked.masks[index]) throw new RangeError(`no mask ${index} in a text with ${masked.masks.length}`);
  return fillAll(
    masked,
    masked.masks.map((_, m) => (m === index ? replacement : undefined)),
    masked.masks.map((_, m) => joins && m === index),
  );
}

/**
 * @param replacements (masks,) undefined for a mask that stays. A replacement never adds a second space.
 * @param joins (masks,) whether the spaces before the mask go
 */
export function fillAll(
  masked: MaskedText,
  replacements: readonly (string | undefined)[],
  joins: readonly boolean[] = [],
): string {
  const { text, masks } = masked;
  let filled = '';
  let from = 0;
  for (const [m, { start, end }] of masks.entries()) {
    const replacement = replacements[m];
    if (replacement === undefined) continue;
    const before = characterBefore(masked, m);
    const isApart = before === '' || isWhitespace(before);
    filled += text.slice(from, start);
    if (joins[m] === true) filled = withoutEndSpaces(filled);
    filled += isApart ? replacement.replace(/^ /, '') : replacement;
    from = end;
  }
  return filled + text.slice(from);
}

/** A loop, since a pattern for spaces at the end takes quadratic time in a text of spaces. */
function withoutEndSpaces(text: string): string {
  let end = text.length;
  while (text[end - 1] === ' ') end--;
  return text.slice(0, end);
}
