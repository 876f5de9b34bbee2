/** Copies a text to the clipboard and confirms it on the button and to screen readers. */
import { announce } from './elements.ts';

const CONFIRMATION_MS = 2000;

/** @param what the name of the text, for the confirmation */
export function copyOnClick(button: HTMLButtonElement, what: () => string, text: () => string): void {
  const label = button.textContent;
  let timer: ReturnType<typeof setTimeout> | undefined;
  button.addEventListener('click', () => {
    void write(text()).then((done) => {
      button.textContent = done ? 'Copied' : 'Not copied';
      announce(done ? `${what()} copied.` : 'The browser blocked copying: select the text and copy it.');
      clearTimeout(timer);
      timer = setTimeout(() => (button.textContent = label), CONFIRMATION_MS);
    });
  });
}

async function write(text: string): Promise<boolean> {
  try {
    // Browsers have no clipboard for a page over plain HTTP from another machine.
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
