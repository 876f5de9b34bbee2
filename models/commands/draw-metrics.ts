/** Draws the metrics of a deployment for a terminal. No I/O. */
import { SLOW_WORK_PER_SECOND } from '../../src/limits.ts';
import { monthAs, PRICES } from '../account/cost.ts';
import { type Metrics, type Row, stepOf } from '../account/metrics.ts';
import { bar } from './bar.ts';

const BAR_WIDTH = 30;

/** @param now milliseconds since 1970 */
export function drawMetrics(metrics: Metrics, hours: number, now: number): string {
  const all = requestsOf(metrics.times);
  if (all === 0) return `No data point of the last ${hours} hours. A new one needs a minute or two to appear.`;
  const answers = requestsOf(metrics.caches);
  const step = stepOf(hours);
  const hits = requestsOf(metrics.caches.filter(({ cache }) => cache !== 'computed'));
  const multiply_adds = metrics.models.reduce((sum, row) => sum + Number(row['multiply_adds']), 0);
  const month = monthAs({ requests: all, multiply_adds, hours });
  return [
    [
      `${many(all)} requests in the last ${hours} hours`,
      `${((100 * hits) / Math.max(1, answers)).toFixed(1)} % of the answers came from a cache`,
      `${many(Math.round(month.cpuMs))} ms of CPU time, at most`,
      `A month like this costs $${month.total.toFixed(2)} at most on the paid plan, at the prices of ${PRICES.published}`,
    ].join('\n'),
    table(
      step === 3600 ? 'Each hour, UTC' : `Each ${step / 3600} hours, UTC`,
      ['requests'],
      withPauses(metrics.times, step, hours, now),
      (row) => [new Date(1000 * Number(row['start'])).toISOString().slice(5, 16).replace('T', ' ')],
    ),
    table('Routes', ['requests', 'median ms', '95 % ms'], metrics.routes, (row) => [
      `${row['method']} ${row['route']}`,
      ...['median_ms', 'p95_ms'].map((name) => Number(row[name]).toFixed(1)),
    ]),
    table('Status', ['requests', 'share'], metrics.statuses, (row) => [
      String(row['status']),
      `${((100 * Number(row['requests'])) / all).toFixed(1)} %`,
    ]),
    table('Models', ['requests', 'tokens', 'CPU seconds, at most', 'wait for a turn, s'], metrics.models, (row) => [
      String(row['model']),
      many(Number(row['tokens'])),
      (Number(row['multiply_adds']) / SLOW_WORK_PER_SECOND).toFixed(1),
      (Number(row['queue_ms']) / 1000).toFixed(1),
    ]),
    table('Answers by the slowest cache that they needed', ['requests', 'share'], metrics.caches, (row) => [
      String(row['cache']),
      `${((100 * Number(row['requests'])) / answers).toFixed(1)} %`,
    ]),
    table('Versions and what they answered', ['requests'], metrics.versions, (row) => [
      `${String(row['version']).slice(0, 8) || 'unknown'} ${row['status']} ${row['error_type']}`.trim(),
    ]),
    table('Callers', ['requests', 'tokens', 'CPU seconds, at most'], metrics.callers, (row) => [
      String(row['caller']),
      many(Number(row['tokens'])),
      (Number(row['multiply_adds']) / SLOW_WORK_PER_SECOND).toFixed(1),
    ]),
  ].join('\n\n');
}

/** A row for each step, also where there was no request. */
function withPauses(rows: readonly Row[], step: number, hours: number, now: number): Row[] {
  const last = Math.floor(now / 1000 / step) * step;
  const starts = Array.from({ length: Math.ceil((3600 * hours) / step) }, (_, i) => last - i * step).toReversed();
  return starts.map((start) => rows.find((row) => Number(row['start']) === start) ?? { start, requests: 0 });
}

/** @param cellsOf the name of a row, and its values after the requests */
function table(
  title: string,
  headings: readonly string[],
  rows: readonly Row[],
  cellsOf: (row: Row) => string[],
): string {
  const most = Math.max(...rows.map((row) => Number(row['requests'])));
  const lines = rows.map((row) => {
    const [name = '', ...values] = cellsOf(row);
    const requests = Number(row['requests']);
    return [name, requests > 0 ? bar(requests / most, BAR_WIDTH) : '', many(requests), ...values];
  });
  const cells = [['', '', ...headings], ...lines];
  const widths = cells[0]?.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0))) ?? [];
  const drawn = cells.map((row) =>
    row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
  );
  return [title, ...drawn.map((line) => `  ${line}`.trimEnd())].join('\n');
}

/** The API writes large numbers as text. */
const requestsOf = (rows: readonly Row[]): number => rows.reduce((all, row) => all + Number(row['requests']), 0);
const many = (count: number): string => count.toLocaleString('en');
