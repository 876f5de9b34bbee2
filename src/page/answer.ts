/** An answer as the page shows it. Types only. */
import type { MaskedText } from '../tokenizer/masks.ts';

/** A text with its gaps, as a person typed it and as it was sent. */
export interface Asked {
  readonly typed: MaskedText;
  readonly sent: MaskedText;
}

/** @param message for screen readers */
export type Choose = (text: string, message: string) => void;

/** What one model says. */
export interface Source<T> {
  /** Of the model. Empty where one model answers alone. */
  readonly name: string;
  /** A string says why there is no answer. */
  readonly answer: T | string;
}

export interface Answer {
  readonly element: HTMLElement;
  /** For screen readers. */
  readonly summary: string;
  /** (masks,) the best word of each gap, by the first model. */
  readonly best: readonly (string | undefined)[];
}
