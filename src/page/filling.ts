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

/** @returns the replacement of a mask in `sequence`, with its spaces, or undefined if `sequence` is not from this text */
export function replacementIn(sequence: string, { text, masks }: MaskedText, index: number): string | undefined {
  const mask = masks[index];
  if (!mask) return undefined;
  const [before, after] = [text.slice(0, mask.start), text.slice(mask.end)];
  const fits = sequence.startsWith(before) && sequence.endsWith(after);
  if (!fits || sequence.length < before.length + after.length) return undefined;
  return sequence.slice(before.length, sequence.length - after.length);
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
