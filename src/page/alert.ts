/** Shows errors, and how long to wait before the next request. */
import { describeSeconds } from './cache-status.ts';
import { announce, byId, make } from './elements.ts';

const alert = byId('alert', HTMLDivElement);
const button = byId('ask', HTMLButtonElement);
const TICK_MS = 250;

let until_ms = 0;
let ticking: ReturnType<typeof setInterval> | undefined;
const count = make('span', { class: 'count', 'aria-hidden': 'true' });

/** Shows an error and the button to ask again. */
export function showAlert(message: string, wait_s = 0): void {
  const paragraph = make('p', { class: 'alert' }, make('span', {}, message));
  if (wait_s > 0) {
    paragraph.append(make('span', {}, ` You can ask again in ${describeSeconds(wait_s)}.`));
    startCountdown(wait_s);
  }
  alert.replaceChildren(paragraph);
  offerToAsk();
}

export function offerToAsk(): void {
  button.hidden = false;
}

export function clearAlert(): void {
  alert.replaceChildren();
  if (document.activeElement === button) byId('text', HTMLTextAreaElement).focus();
  button.hidden = true;
}

/** @returns whole seconds until the next request is allowed, 0 for now */
export function secondsToWait(): number {
  return Math.max(0, Math.ceil((until_ms - performance.now()) / 1000));
}

/** Disables the button until then and shows a countdown. The button can still be focused, and its click says why it does nothing. */
function startCountdown(wait_s: number): void {
  until_ms = performance.now() + wait_s * 1000;
  button.setAttribute('aria-disabled', 'true');
  button.append(count);
  clearInterval(ticking);
  const tick = () => {
    const left = secondsToWait();
    count.textContent = ` ${left}`;
    if (left > 0) return;
    clearInterval(ticking);
    button.removeAttribute('aria-disabled');
    count.remove();
    alert.replaceChildren();
    announce('You can ask again now.');
  };
  ticking = setInterval(tick, TICK_MS);
  tick();
}
