/** The text area: changes that can be taken back, by Ctrl+Z as well as by a button. */

const MASK = '[MASK]';

export class Editor {
  readonly #area: HTMLTextAreaElement;
  readonly #undo: HTMLButtonElement;
  /** What this page did to the text, last at the end; what a person typed is the browser's to undo. */
  readonly #done: { readonly before: string; readonly after: string }[] = [];

  /** @param onChange after every change, whoever made it */
  constructor(area: HTMLTextAreaElement, undo: HTMLButtonElement, onChange: () => void) {
    this.#area = area;
    this.#undo = undo;
    area.addEventListener('input', () => {
      this.#followUndo();
      onChange();
    });
  }

  get text(): string {
    return this.#area.value;
  }

  /** At the cursor, or in place of what is selected. */
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
    // Half a character can neither be selected nor inserted.
    if (from > 0 && isHighHalf(text.charCodeAt(from - 1))) from--;
    let rest = 0;
    while (rest < shorter - from && text.at(-1 - rest) === before.at(-1 - rest)) rest++;
    if (rest > 0 && isLowHalf(text.charCodeAt(text.length - rest))) rest--;
    this.#change(from, before.length - rest, text.slice(from, text.length - rest), text);
  }

  /** Takes back the last change that this page made. @returns false when something was typed since */
  undo(): boolean {
    const last = this.#done.at(-1);
    if (!last || last.after !== this.text) return false;
    this.#done.pop();
    this.replace(last.before);
    this.#done.pop();
    this.#followUndo();
    return true;
  }

  /** A button that was the last of its kind takes the focus with it. */
  focusIfLost(): void {
    if (this.#undo.disabled && !isTouch()) this.#area.focus();
  }

  #change(start: number, end: number, insertion: string, after: string): void {
    this.#done.push({ before: this.text, after });
    const focused = document.activeElement;
    if (!isTouch()) {
      this.#area.focus({ preventScroll: true });
      this.#area.setSelectionRange(start, end);
      // The one way to change a text so that the browser's own undo knows of it.
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

  /** What Ctrl+Z took back cannot be taken back again. */
  #followUndo(): void {
    while (this.#done.at(-1)?.before === this.text) this.#done.pop();
    this.#undo.disabled = this.#done.at(-1)?.after !== this.text;
  }
}

/** Of a character that is a pair in UTF-16. */
const isHighHalf = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isLowHalf = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

/** There the focus would open the keyboard. */
const isTouch = (): boolean => matchMedia('(pointer: coarse)').matches;
