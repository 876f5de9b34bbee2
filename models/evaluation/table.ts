/** Summarizes scored items as a table of figures with standard errors. No I/O. */
import { CLEAR_LEAD } from './agreement.ts';
import type { Item, WindowItem } from './items.ts';
import { LENGTHS } from './items.ts';
import { type Figure, ratio, sum } from './ratio.ts';
import type { FactScore, OrderScore, PairScore, WindowScore } from './score.ts';
import type { Scored } from './worker.ts';

interface Row {
  readonly name: string;
  readonly sample: string;
  readonly unit: '%' | 'bits';
  readonly float32: Figure;
  readonly int8: Figure;
}

export interface Evaluation {
  readonly rows: readonly Row[];
  /** Masks of the windows where both builds have the same first choice: of all, and of those that are clear in float32. */
  readonly agreement: { readonly all: Agreement; readonly clear: Agreement };
}

interface Agreement {
  readonly same: number;
  readonly of: number;
}

const BUILDS = ['float32', 'int8'] as const;
const many = (count: number) => count.toLocaleString('en');

/** @param scores of the items, in their order */
export function tabulate(items: readonly Item[], scores: readonly Scored[]): Evaluation {
  const of = <K extends Item['kind']>(kind: K) =>
    items.flatMap((item, i) => (item.kind === kind ? [{ item: item as Item & { kind: K }, scored: scores[i] }] : []));
  const rows: Row[] = [];
  const row = (name: string, sample: string, unit: Row['unit'], figure: (build: (typeof BUILDS)[number]) => Figure) =>
    rows.push({ name, sample, unit, float32: figure('float32'), int8: figure('int8') });

  const pairs = of('pair') as { item: { set: string }; scored: Scored<PairScore> }[];
  const sets = Map.groupBy(pairs, ({ item }) => item.set);
  for (const by of ['within_word_l2r', 'plain'] as const) {
    row(
      `BLiMP, ${by === 'plain' ? 'plain PLL' : by}`,
      `${many(pairs.length)} pairs of ${sets.size} sets`,
      '%',
      (build) => meanOfShares([...sets.values()].map((set) => set.map(({ scored }) => scored[build][by]))),
    );
  }

  const facts = of('fact') as unknown as { scored: Scored<FactScore> }[];
  for (const k of [1, 10]) {
    row(`ParaRel P@${k}`, `${many(facts.length)} facts`, '%', (build) =>
      meanOfShares([facts.map(({ scored }) => scored[build].better < k)]),
    );
  }

  const orders = of('order') as unknown as { scored: Scored<OrderScore> }[];
  if (orders.length > 0) {
    row('sentence order, right', `${many(orders.length)} paragraphs in two parts`, '%', (build) =>
      meanOfShares([orders.map(({ scored }) => scored[build].right)]),
    );
  }

  const windows = Map.groupBy(of('window') as unknown as ScoredWindow[], ({ item }) => item.set);
  for (const set of ['valid', 'wikitext-2-raw']) {
    const found = windows.get(set) ?? [];
    const count = `${many(sumOf(found, ({ item }) => item.words.length))} words in ${many(found.length)} windows`;
    row(`${set}, words right`, count, '%', (build) => wordsRight(found, build));
    row(`${set}, bits per character`, count, 'bits', (build) =>
      ratio(
        found.map(({ scored }) => scored[build].bits),
        found.map(({ item }) => item.characters),
      ),
    );
  }
  for (const length of LENGTHS) {
    const found = windows.get(String(length));
    if (!found) continue;
    row(
      `words right at ${length} tokens`,
      `${many(sumOf(found, ({ item }) => item.words.length))} words`,
      '%',
      (build) => wordsRight(found, build),
    );
  }

  const masks = [...windows.values()].flat().flatMap(({ scored: { int8, float32 } }) =>
    Array.from(float32.first, (id, m) => ({
      same: int8.first[m] === id,
      clear: float32.lead[m]! >= CLEAR_LEAD,
    })),
  );
  const agreement = (among: typeof masks) => ({ same: among.filter(({ same }) => same).length, of: among.length });
  return { rows, agreement: { all: agreement(masks), clear: agreement(masks.filter(({ clear }) => clear)) } };
}

interface ScoredWindow {
  readonly item: WindowItem;
  readonly scored: Scored<WindowScore>;
}

const wordsRight = (found: readonly ScoredWindow[], build: (typeof BUILDS)[number]) =>
  inPercent(
    ratio(
      found.map(({ scored }) => scored[build].right),
      found.map(({ item }) => item.words.length),
    ),
  );

/** The mean over the groups of the share of successes, in percent. */
function meanOfShares(groups: readonly (readonly boolean[])[]): Figure {
  const shares = groups.map((group) => ({ share: sumOf(group, Number) / group.length, size: group.length }));
  const variance = sumOf(shares, ({ share, size }) => (share * (1 - share)) / size);
  return inPercent({
    value: sumOf(shares, ({ share }) => share) / groups.length,
    error: Math.sqrt(variance) / groups.length,
  });
}

const inPercent = ({ value, error }: Figure): Figure => ({ value: 100 * value, error: 100 * error });

const sumOf = <T>(values: readonly T[], of: (value: T) => number): number => sum(values.map(of));

/** The figures where int8 is worse by more than `points` percentage points, or hundredths of a bit. */
export function worseThan({ rows }: Evaluation, points: number): string[] {
  return rows.filter((row) => loss(row) > points).map(({ name }) => name);
}

function loss({ unit, int8, float32 }: Row): number {
  return unit === '%' ? float32.value - int8.value : 100 * (int8.value - float32.value);
}

/** As Markdown with aligned columns. */
export function printTable({ rows }: Evaluation): string {
  const cells = rows.map(({ name, sample, unit, float32, int8 }) => {
    const digits = unit === '%' ? 1 : 3;
    const shown = ({ value, error }: Figure) => `${value.toFixed(digits)} ± ${error.toFixed(digits)}`;
    const difference = int8.value - float32.value;
    return [
      unit === '%' ? `${name}, %` : name,
      sample,
      shown(float32),
      shown(int8),
      `${difference < 0 ? '−' : '+'}${Math.abs(difference).toFixed(digits + 1)}`,
    ];
  });
  const table = [['', 'sample', 'float32', 'int8', 'difference'], ...cells];
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0)));
  const line = (given: readonly string[]) =>
    `| ${given.map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`;
  const rule = `| ${widths.map((width, i) => (i < 2 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(table[0] ?? []), rule, ...cells.map(line)].join('\n');
}
