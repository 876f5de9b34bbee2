/** What the data points of a deployment say, by queries in the SQL of Workers Analytics Engine. Does I/O. */
import { BLOBS, DOUBLES } from '../../src/http/observation.ts';
import { callApi } from './api.ts';
import type { Target } from './worker.ts';

/** The most rows of the requests over time. */
const MAX_STEPS = 24;
const QUERIES = ['times', 'routes', 'statuses', 'caches', 'models', 'versions', 'callers'] as const;
type Query = (typeof QUERIES)[number];

export type Row = Readonly<Record<string, string | number>>;
export type Metrics = Readonly<Record<Query, readonly Row[]>>;

const blob = (name: (typeof BLOBS)[number]): string => `blob${BLOBS.indexOf(name) + 1}`;
const double = (name: (typeof DOUBLES)[number]): string => `double${DOUBLES.indexOf(name) + 1}`;
const labels = (...names: (typeof BLOBS)[number][]): string[] => names.map((name) => `${blob(name)} AS ${name}`);
/** The platform samples: a row stands for so many data points. */
const REQUESTS = 'SUM(_sample_interval) AS requests';
const sum = (name: (typeof DOUBLES)[number]): string => `SUM(_sample_interval * ${double(name)}) AS ${name}`;
const quantile = (share: number): string =>
  `quantileExactWeighted(${share})(${double('duration_ms')}, _sample_interval)`;

/** Seconds of a row of the requests over time: whole hours. */
export const stepOf = (hours: number): number => 3600 * Math.ceil(hours / MAX_STEPS);

/** @param hours before now */
export function queriesOf(dataset: string, hours: number): Readonly<Record<Query, string>> {
  const step = stepOf(hours);
  const select = (columns: readonly string[], by: string, { order = 'requests DESC', and = '' } = {}) =>
    `SELECT ${columns.join(', ')} FROM ${dataset} WHERE timestamp > NOW() - INTERVAL '${hours}' HOUR${and} GROUP BY ${by} ORDER BY ${order} LIMIT 30`;
  return {
    times: select([`intDiv(toUInt32(timestamp), ${step}) * ${step} AS start`, REQUESTS], 'start', { order: 'start' }),
    routes: select(
      [...labels('method', 'route'), REQUESTS, `${quantile(0.5)} AS median_ms`, `${quantile(0.95)} AS p95_ms`],
      'method, route',
    ),
    statuses: select([...labels('status'), REQUESTS], 'status'),
    models: select([...labels('model'), REQUESTS, sum('tokens'), sum('multiply_adds'), sum('queue_ms')], 'model'),
    caches: select([...labels('cache'), REQUESTS], 'cache', { and: ` AND ${blob('cache')} != ''` }),
    versions: select([...labels('version', 'status', 'error_type'), REQUESTS], 'version, status, error_type'),
    callers: select(['index1 AS caller', REQUESTS, sum('tokens'), sum('multiply_adds')], 'caller'),
  };
}

/** @throws when wrangler.toml has no dataset, or with what the API refuses */
export async function readMetrics(target: Target, hours: number): Promise<Metrics> {
  const queries = queriesOf(requireDataset(target), hours);
  const path = `/accounts/${target.account}/analytics_engine/sql`;
  const answers = await Promise.all(
    QUERIES.map(async (name) => {
      const request = { method: 'POST', body: queries[name], permission: 'Account Analytics: Read' } as const;
      const { data } = (await (await callApi(target, path, request)).json()) as { data: readonly Row[] };
      return [name, data] as const;
    }),
  );
  return Object.fromEntries(answers) as Metrics;
}

export function requireDataset({ dataset }: Pick<Target, 'dataset'>): string {
  if (dataset) return dataset;
  throw new Error(
    'wrangler.toml has no binding ANALYTICS: uncomment analytics_engine_datasets there, and npm run deploy',
  );
}
