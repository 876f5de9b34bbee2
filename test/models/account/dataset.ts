/** A dataset of Workers Analytics Engine in SQLite, with what the queries use of its SQL. For tests. */
import { DatabaseSync } from 'node:sqlite';

import type { dataPoint } from '../../../src/http/observation.ts';

export interface Dataset {
  /** @param secondsAgo when it was written */
  write(point: ReturnType<typeof dataPoint>, secondsAgo: number, sampleInterval?: number): void;
  /** Large numbers are text, as in the answers of the API. */
  query(sql: string): Record<string, string | number>[];
}

export function createDataset(name: string): Dataset {
  const database = new DatabaseSync(':memory:');
  const columns = [...numbered('blob'), ...numbered('double')];
  database.exec(`CREATE TABLE ${name} (timestamp, _sample_interval, index1, ${columns.join(', ')})`);
  database.function('intDiv', (a, b) => Math.floor(Number(a) / Number(b)));
  database.function('toUInt32', Number);
  database.function('NOW', () => now());
  database.aggregate('quantileExactWeighted', {
    varargs: true,
    start: () => '[]',
    step: (before: string, ...row) => JSON.stringify([...(JSON.parse(before) as unknown[]), row]),
    result: (all: string) => weightedQuantile(JSON.parse(all) as [number, number, number][]),
  });
  return {
    write({ indexes, blobs, doubles }, secondsAgo, sampleInterval = 1) {
      const [index = ''] = indexes;
      const values = [now() - secondsAgo, sampleInterval, index, ...padded(blobs, ''), ...padded(doubles, 0)];
      const marks = values.map(() => '?').join(', ');
      database.prepare(`INSERT INTO ${name} VALUES (${marks})`).run(...values);
    },
    query(sql) {
      const translated = sql
        .replace(/INTERVAL '(\d+)' HOUR/g, '3600 * $1')
        .replace(/INTERVAL '(\d+)' MINUTE/g, '60 * $1')
        .replace(/\bIF\(/g, 'iif(')
        .replace(/quantileExactWeighted\(([\d.]+)\)\(/g, 'quantileExactWeighted($1, ');
      const rows = database.prepare(translated).all() as Record<string, string | number>[];
      for (const row of rows) row['requests'] = String(row['requests']);
      return rows;
    },
  };
}

const now = () => Math.floor(Date.now() / 1000);
const numbered = (kind: string) => Array.from({ length: 20 }, (_, i) => `${kind}${i + 1}`);
const padded = <T>(values: readonly T[], by: T): T[] => [
  ...values,
  ...Array.from({ length: 20 - values.length }, () => by),
];

function weightedQuantile(all: readonly [number, number, number][]): number {
  const sorted = all.toSorted(([, a], [, b]) => a - b);
  const total = sorted.reduce((sum, [, , weight]) => sum + weight, 0);
  let before = 0;
  for (const [share, value, weight] of sorted) {
    before += weight;
    if (before >= share * total) return value;
  }
  return Number.NaN;
}
