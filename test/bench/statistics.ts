/** Statistics for a noisy machine: the median and the middle half. No I/O. */

export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

/** The ratios of values measured in pairs. */
export const ratioOf = (above: readonly number[], below: readonly number[]): Spread =>
  spreadOf(above.map((value, i) => value / (below[i] ?? NaN)));

/** The 95 % interval of a median, by the order of the values: it assumes nothing of their distribution. */
export function intervalOf(values: readonly number[]): readonly [number, number] {
  const sorted = values.toSorted((a, b) => a - b);
  const half = 0.98 * Math.sqrt(sorted.length);
  const low = Math.max(0, Math.floor(sorted.length / 2 - half));
  const high = Math.min(sorted.length - 1, Math.ceil(sorted.length / 2 + half));
  return [sorted[low] ?? NaN, sorted[high] ?? NaN];
}

const digits = (value: number) => (value < 10 ? 2 : value < 100 ? 1 : 0);
export const shown = ({ median, low, high }: Spread): string =>
  `${median.toFixed(digits(median))} (${low.toFixed(digits(median))}–${high.toFixed(digits(median))})`;

const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}
