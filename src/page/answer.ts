/** An answer as the page shows it. Types only. */
import type { MaskedText } from '../tokenizer/masks.ts';

/** A text with its gaps, as a person typed it and as it was sent. */
export interface Asked {
  readonly typed: MaskedText;
  readonly sent: MaskedText;
}

/** @param message for screen readers */
export type Choose = (text: string, message: string) => void;

export interface Answer {
  readonly element: HTMLElement;
  /** For screen readers. */
  readonly summary: string;
  /** (masks,) the best word of each gap. */
  readonly best: readonly (string | undefined)[];
}
