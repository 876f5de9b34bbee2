/** A progress bar. Writes to stderr. */

const BAR_WIDTH = 40;

/** Redraws one line on a terminal; elsewhere prints every tenth. @returns a function that takes the fraction done, 0…1 */
export function progressBar(): (share: number) => void {
  let shown = -1;
  return (share) => {
    const step = Math.floor(share * (process.stderr.isTTY ? 1000 : 10));
    if (step === shown) return;
    shown = step;
    if (!process.stderr.isTTY) {
      process.stderr.write(`${10 * step} %\n`);
      return;
    }
    const done = Math.floor(share * BAR_WIDTH);
    const bar = '█'.repeat(done) + '░'.repeat(BAR_WIDTH - done);
    process.stderr.write(`\r${bar} ${(100 * share).toFixed(1)} %${share === 1 ? '\n' : ''}`);
  };
}
