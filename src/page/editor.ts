/** The text area, whose changes can be undone with Ctrl+Z and with a button. */

const MASK = '[MASK]';

export class Editor {
  readonly #area: HTMLTextAreaElement;
  readonly #undo: HTMLButtonElement;
  /** Changes by this page, oldest first. The browser itself can undo what a person typed. */
  readonly #changes: { readonly before: string; readonly after: string }[] = [];

  /** @param onChange called after every change, by a person or by this page */
  constructor(area: HTMLTextAreaElement, undo: HTMLButtonElement, onChange: () => void) {
    this.#area = area;
    this.#undo = undo;
    area.addEventListener('input', () => {
      this.#updateUndo();
      onChange();
    });
  }

  get text(): string {
    return this.#area.value;
  }

  /** Inserts a mask at the cursor, or replaces the selection. */
  insertMask(): void {
    const { selectionStart, selectionEnd, value } = this.#area;
    this.#change(selectionStart, selectionEnd, MASK, value.slice(0, selectionStart) + MASK + value.slice(selectionEnd));
    if (!isTouch()) this.#area.focus();
  }

  replace(text: string): void {
    const before = this.text;
    if (text === before) return;
    const shorter = Math.min(text.length, before.length);
    let from = 0;
    while (from < shorter && text[from] === before[from]) from++;
    // A surrogate pair must not be split.
    if (from > 0 && isHighSurrogate(text.charCodeAt(from - 1))) from--;
    let rest = 0;
    while (rest < shorter - from && text.at(-1 - rest) === before.at(-1 - rest)) rest++;
    if (rest > 0 && isLowSurrogate(text.charCodeAt(text.length - rest))) rest--;
    this.#change(from, before.length - rest, text.slice(from, text.length - rest), text);
  }

  /** Undoes the last change by this page. @returns false if the text was edited since */
  undo(): boolean {
    const last = this.#changes.at(-1);
    if (!last || last.after !== this.text) return false;
    this.#changes.pop();
    this.replace(last.before);
    this.#changes.pop();
    this.#updateUndo();
    return true;
  }

  /** A disabled button loses the focus: move it to the text. */
  restoreFocus(): void {
    if (this.#undo.disabled && !isTouch()) this.#area.focus();
  }

  #change(start: number, end: number, insertion: string, after: string): void {
    this.#changes.push({ before: this.text, after });
    const focused = document.activeElement;
    if (!isTouch()) {
      this.#area.focus({ preventScroll: true });
      this.#area.setSelectionRange(start, end);
      // Only execCommand adds the change to the browser's undo history.
      if (insertion === '') document.execCommand('delete');
      else document.execCommand('insertText', false, insertion);
      if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
    }
    if (this.text !== after) {
      this.#area.value = after;
      this.#area.setSelectionRange(start + insertion.length, start + insertion.length);
      this.#area.dispatchEvent(new Event('input', { bubbles: true }));
    }
  }

  /** Drops the changes that Ctrl+Z has undone. */
  #updateUndo(): void {
    while (this.#changes.at(-1)?.before === this.text) this.#changes.pop();
    this.#undo.disabled = this.#changes.at(-1)?.after !== this.text;
  }
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

/** On a touch screen, focusing the text opens the keyboard. */
const isTouch = (): boolean => matchMedia('(pointer: coarse)').matches;
