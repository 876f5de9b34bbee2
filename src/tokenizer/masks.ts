/** Finds the masks in a text as a person wrote it. Both spellings are understood, whichever is the model's. No I/O. */

/** A text and where its masks stand, in UTF-16 code units, ascending. Holds at least one. */
export interface MaskedText {
  readonly text: string;
  readonly masks: readonly { readonly start: number; readonly end: number }[];
}

const MASK = /\[MASK\]|<mask>/g;

export function findMasks(text: string): MaskedText {
  const masks = Array.from(text.matchAll(MASK), ({ 0: match, index }) => ({ start: index, end: index + match.length }));
  return { text, masks };
}

/** The text with every mask spelled as the model has it. */
export function spellMasks({ text, masks }: MaskedText, token: string): string {
  let spelled = '';
  let from = 0;
  for (const { start, end } of masks) {
    spelled += text.slice(from, start) + token;
    from = end;
  }
  return spelled + text.slice(from);
}

/** Whether what stands in the place of mask `index` begins a word: nothing or a blank is before it. */
export function startsWord({ text, masks }: MaskedText, index: number): boolean {
  const start = masks[index]?.start ?? 0;
  return start === 0 || /\s/u.test(text.charAt(start - 1));
}

/** The text with mask `index` replaced and the others as they were written. */
export function fillIn({ text, masks }: MaskedText, index: number, replacement: string): string {
  const mask = masks[index];
  if (!mask) throw new RangeError(`no mask ${index} in a text with ${masks.length}`);
  return text.slice(0, mask.start) + replacement + text.slice(mask.end);
}
