/** Says how much of a long task is done. Writes to stderr. */
import { say } from './terminal.ts';

const BAR_WIDTH = 40;
/** Without a terminal, in milliseconds: a person who reads a log sees that it goes on. */
const LINE_EVERY_MS = 5_000;

/**
 * Redraws one line on a terminal; elsewhere says a line every few seconds.
 * @param what names the task
 * @returns takes the fraction that is done, 0…1
 */
export function progressBar(what: string): (share: number) => void {
  let shown = -1;
  let saidAt = performance.now();
  return (share) => {
    if (!process.stderr.isTTY) {
      if (shown === 1 || (share < 1 && performance.now() - saidAt < LINE_EVERY_MS)) return;
      shown = share;
      saidAt = performance.now();
      say(`${what}: ${Math.floor(100 * share)} %`);
      return;
    }
    const step = Math.floor(1000 * share);
    if (step === shown) return;
    shown = step;
    const done = Math.floor(share * BAR_WIDTH);
    const bar = '█'.repeat(done) + '░'.repeat(BAR_WIDTH - done);
    process.stderr.write(`\r${bar} ${(100 * share).toFixed(1)} % ${what}${share === 1 ? '\n' : ''}`);
  };
}
