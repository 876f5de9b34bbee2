/** The answer on the page, and the candidates that a person has chosen from it. */
import type { MaskedText } from '../tokenizer/masks.ts';
import { announce, byId } from './elements.ts';
import type { Editor } from './editor.ts';
import { type Choices, fillMasks, displayWord } from './filling.ts';

export type Choose = (mask: number, word: string | undefined) => void;
export type ChooseAll = (text: string, words: readonly string[]) => void;

export interface Answer {
  readonly element: HTMLElement;
  /** For screen readers. */
  readonly summary: string;
  /** @param choices undefined if the text does not come from this answer, and in joint mode */
  readonly update: (choices: Choices | undefined, isStale: boolean, text: string) => void;
}

const note = byId('stale', HTMLParagraphElement);

export class ResultView {
  readonly #masked: MaskedText;
  readonly #editor: Editor;
  #answer: Answer | undefined;
  /** The texts that were composed from this answer, so that an undone one is recognized. */
  readonly #composed = new Map<string, Choices>();

  constructor(masked: MaskedText, editor: Editor) {
    this.#masked = masked;
    this.#editor = editor;
    this.#composed.set(
      masked.text,
      masked.masks.map(() => undefined),
    );
  }

  set answer(answer: Answer) {
    this.#answer = answer;
    this.update();
  }

  readonly choose: Choose = (mask, word) => {
    const now = this.#composed.get(this.#editor.text);
    if (!now) return;
    const choices = now.map((choice, i) => (i === mask ? word : choice));
    const text = fillMasks(this.#masked, choices);
    this.#composed.set(text, choices);
    this.#editor.replace(text);
    announce(
      word === undefined ? `Mask ${mask + 1} restored.` : `Mask ${mask + 1} filled with “${displayWord(word)}”.`,
    );
  };

  readonly chooseAll: ChooseAll = (text, words) => {
    this.#composed.set(text, text === this.#masked.text ? this.#masked.masks.map(() => undefined) : words);
    this.#editor.replace(text);
    announce(text === this.#masked.text ? 'Masks restored.' : `Filled with ${words.map(displayWord).join(', ')}.`);
  };

  /** The text of the question, while the text area still shows it or a filled version of it. */
  get asked(): string | undefined {
    return this.#composed.has(this.#editor.text) ? this.#masked.text : undefined;
  }

  /** Call after each change of the text: candidates for another text are disabled. */
  update(): void {
    const { text } = this.#editor;
    const choices = this.#composed.get(text);
    const isStale = choices === undefined;
    if (isStale && note.hidden) announce(note.textContent);
    note.hidden = !isStale;
    this.#answer?.update(choices, isStale, text);
  }
}
