/** Words in place of masks. No I/O. */
import type { MaskedText } from '../tokenizer/masks.ts';

/** For each mask the word that was chosen, or undefined where the mask still stands. */
export type Choices = readonly (string | undefined)[];

export function compose({ text, masks }: MaskedText, choices: Choices): string {
  const parts = masks.map(({ start, end }, i) => {
    const before = text.slice(masks[i - 1]?.end ?? 0, start);
    return before + (choices[i] ?? text.slice(start, end));
  });
  return parts.join('') + text.slice(masks.at(-1)?.end ?? 0);
}

/** What the API put in place of a mask, blanks and all. @returns undefined when the sequence is of another text */
export function replacementIn(sequence: string, { text, masks }: MaskedText, index: number): string | undefined {
  const mask = masks[index];
  if (!mask) return undefined;
  const [before, after] = [text.slice(0, mask.start), text.slice(mask.end)];
  const fits = sequence.startsWith(before) && sequence.endsWith(after);
  if (!fits || sequence.length < before.length + after.length) return undefined;
  return sequence.slice(before.length, sequence.length - after.length);
}

/** A probability for people: `24.2%`, and more digits the smaller it is. */
export function percent(probability: number): string {
  const value = probability * 100;
  if (value >= 99.95 && value < 100) return '>99.9%';
  if (value >= 1 || value === 0) return `${value.toFixed(1)}%`;
  return value >= 0.0001 ? `${value.toPrecision(2)}%` : `${value.toExponential(1)}%`;
}

/** A word as one can see it. */
export function visible(word: string): string {
  return word.trim() === '' ? `“${word}”` : word.trim();
}
