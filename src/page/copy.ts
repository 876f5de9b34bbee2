/** Puts a text on the clipboard and says so, on the button and to a screen reader. */
import { announce } from './elements.ts';

const SAID_MS = 2000;

/** @param what it is, for the sentence */
export function copyOnClick(button: HTMLButtonElement, what: () => string, text: () => string): void {
  const label = button.textContent;
  let back: ReturnType<typeof setTimeout> | undefined;
  button.addEventListener('click', () => {
    void write(text()).then((done) => {
      button.textContent = done ? 'Copied' : 'Not copied';
      announce(done ? `${what()} copied.` : 'The browser does not let this page copy: select the text and copy it.');
      clearTimeout(back);
      back = setTimeout(() => (button.textContent = label), SAID_MS);
    });
  });
}

async function write(text: string): Promise<boolean> {
  try {
    // There is no clipboard on a page that came by plain HTTP from another machine.
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
