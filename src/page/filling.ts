/** Fills masks with words, and formats words and probabilities. No I/O. */
import type { MaskedText } from '../tokenizer/masks.ts';

/** The chosen word for each mask, undefined where the mask is not filled. */
export type Choices = readonly (string | undefined)[];

export function fillMasks({ text, masks }: MaskedText, choices: Choices): string {
  const parts = masks.map(({ start, end }, i) => {
    const before = text.slice(masks[i - 1]?.end ?? 0, start);
    return before + (choices[i] ?? text.slice(start, end));
  });
  return parts.join('') + text.slice(masks.at(-1)?.end ?? 0);
}

/** What stands in place of a mask, and whether it joins the word before it, without the spaces between them. */
export interface Replacement {
  readonly word: string;
  readonly joins: boolean;
}

/** @returns the replacement of a mask in `sequence`, or undefined if `sequence` is not from this text */
export function replacementIn(sequence: string, { text, masks }: MaskedText, index: number): Replacement | undefined {
  const mask = masks[index];
  if (!mask) return undefined;
  const [apart, after] = [text.slice(0, mask.start), text.slice(mask.end)];
  const joins = !sequence.startsWith(apart);
  const before = joins ? apart.trimEnd() : apart;
  const fits = sequence.startsWith(before) && sequence.endsWith(after);
  if (!fits || sequence.length < before.length + after.length) return undefined;
  return { word: sequence.slice(before.length, sequence.length - after.length), joins };
}

/** The text with one mask filled and the others as they are. */
export function fillMask(masked: MaskedText, index: number, { word, joins }: Replacement): string {
  const filled = fillMasks(
    masked,
    masked.masks.map((_, m) => (m === index ? word : undefined)),
  );
  const start = masked.masks[index]?.start ?? 0;
  return joins ? filled.slice(0, start).trimEnd() + filled.slice(start) : filled;
}

/** A readable probability, such as `24.2%`. */
export function percent(probability: number): string {
  const value = probability * 100;
  if (value >= 99.95 && value < 100) return '>99.9%';
  if (value >= 1 || value === 0) return `${value.toFixed(1)}%`;
  return value >= 0.01 ? `${value.toPrecision(2)}%` : '<0.01%';
}

/** Trims a word. A word of spaces alone is quoted, so that it can be seen. */
export function displayWord(word: string): string {
  return word.trim() === '' ? `“${word}”` : word.trim();
}
