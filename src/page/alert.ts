/** What went wrong, said at once, and how long to wait before asking again. */
import { announce, byId, make } from './elements.ts';
import { describeSeconds } from './cache-status.ts';

const alert = byId('alert', HTMLDivElement);
const button = byId('ask', HTMLButtonElement);
const TICK_MS = 250;

let until_ms = 0;
let ticking: ReturnType<typeof setInterval> | undefined;
const count = make('span', { class: 'count', 'aria-hidden': 'true' });

export function showAlert(sentence: string, wait_s = 0): void {
  const paragraph = make('p', { class: 'alert' }, make('span', {}, sentence));
  if (wait_s > 0) {
    paragraph.append(make('span', {}, ` You can ask again in ${describeSeconds(wait_s)}.`));
    holdBack(wait_s);
  }
  alert.replaceChildren(paragraph);
}

/** @param only this sentence, and no other */
export function clearAlert(only?: string): void {
  if (only === undefined || alert.textContent === only) alert.replaceChildren();
}

/** @returns whole seconds, 0 when one may ask */
export function secondsToWait(): number {
  return Math.max(0, Math.ceil((until_ms - performance.now()) / 1000));
}

/** The button stays in the order of focus, says why nothing comes of it, and counts for those who see it. */
function holdBack(wait_s: number): void {
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
