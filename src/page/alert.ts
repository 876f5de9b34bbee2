/** Shows errors, and how long to wait before the next request. */
import { announce, byId, make } from './elements.ts';
import { describeSeconds } from './cache-status.ts';

const alert = byId('alert', HTMLDivElement);
const button = byId('ask', HTMLButtonElement);
const TICK_MS = 250;

let until_ms = 0;
let ticking: ReturnType<typeof setInterval> | undefined;
const count = make('span', { class: 'count', 'aria-hidden': 'true' });

export function showAlert(message: string, wait_s = 0): void {
  const paragraph = make('p', { class: 'alert' }, make('span', {}, message));
  if (wait_s > 0) {
    paragraph.append(make('span', {}, ` You can ask again in ${describeSeconds(wait_s)}.`));
    startCountdown(wait_s);
  }
  alert.replaceChildren(paragraph);
}

/** @param only clear the alert only if it shows this message */
export function clearAlert(only?: string): void {
  if (only === undefined || alert.textContent === only) alert.replaceChildren();
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
    clearAlert();
    announce('You can ask again now.');
  };
  ticking = setInterval(tick, TICK_MS);
  tick();
}
