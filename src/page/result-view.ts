/** The answer that is on the page, and what a person has chosen from it. */
import type { MaskedText } from '../tokenizer/masks.ts';
import { announce, byId } from './elements.ts';
import type { Editor } from './editor.ts';
import { type Choices, compose, visible } from './filling.ts';

export type Choose = (mask: number, word: string | undefined) => void;
export type ChooseAll = (text: string, words: readonly string[]) => void;

/** What an answer looks like. */
export interface Answer {
  readonly element: HTMLElement;
  /** For whoever hears it. */
  readonly summary: string;
  /** @param choices undefined when the text was not made of this answer, or in joint mode */
  readonly follow: (choices: Choices | undefined, isStale: boolean, text: string) => void;
}

const note = byId('stale', HTMLParagraphElement);

export class Shown {
  readonly #masked: MaskedText;
  readonly #editor: Editor;
  #answer: Answer | undefined;
  /** Every text that was made of this answer, so that undoing one is recognized. */
  readonly #made = new Map<string, Choices>();

  constructor(masked: MaskedText, editor: Editor) {
    this.#masked = masked;
    this.#editor = editor;
    this.#made.set(
      masked.text,
      masked.masks.map(() => undefined),
    );
  }

  set answer(answer: Answer) {
    this.#answer = answer;
    this.follow();
  }

  readonly choose: Choose = (mask, word) => {
    const now = this.#made.get(this.#editor.text);
    if (!now) return;
    const choices = now.map((choice, i) => (i === mask ? word : choice));
    const text = compose(this.#masked, choices);
    this.#made.set(text, choices);
    this.#editor.replace(text);
    announce(
      word === undefined ? `Mask ${mask + 1} put back.` : `“${visible(word)}” put in place of mask ${mask + 1}.`,
    );
  };

  readonly chooseAll: ChooseAll = (text, words) => {
    this.#made.set(text, text === this.#masked.text ? this.#masked.masks.map(() => undefined) : words);
    this.#editor.replace(text);
    announce(text === this.#masked.text ? 'Masks put back.' : `Filled with ${words.map(visible).join(', ')}.`);
  };

  /** The text that was asked, for as long as the one in the text area is made of it. */
  get asked(): string | undefined {
    return this.#made.has(this.#editor.text) ? this.#masked.text : undefined;
  }

  /** After each change of the text: an answer to another text is not to be chosen from. */
  follow(): void {
    const { text } = this.#editor;
    const choices = this.#made.get(text);
    const isStale = choices === undefined;
    if (isStale && note.hidden) announce(note.textContent);
    note.hidden = !isStale;
    this.#answer?.follow(choices, isStale, text);
  }
}
