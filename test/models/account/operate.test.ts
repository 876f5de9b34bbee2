/** What comes after `npm run deploy`: metrics, the bucket. Against a stand-in for the API of an account. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, inject, it, vi } from 'vitest';

import { readMetrics } from '../../../models/account/metrics.ts';
import { findTarget } from '../../../models/account/worker.ts';
import { ROOT } from '../../../models/account/wrangler.ts';
import { findBuild } from '../../../models/bucket/built.ts';
import { drawMetrics } from '../../../models/commands/draw-metrics.ts';
import { command as list } from '../../../models/commands/list.ts';
import { pushRemote } from '../../../models/commands/push.ts';
import { repeat } from '../../../models/commands/watch.ts';
import { BLOBS, dataPoint, DOUBLES, type Observation } from '../../../src/http/observation.ts';
import { DATASET } from './account-server.ts';
import { useAccount } from './use-account.ts';

const { id, revision, files } = inject('built');

const account = useAccount();
const { host, puts } = account;

describe('npm run models -- push --remote', () => {
  it('puts all files of a model into the bucket of the account, where list --remote finds them, and nothing the second time', async () => {
    let printed = '';
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      printed += String(text);
      return true;
    });
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const built = await findBuild(id, revision);
    if (!built) throw new Error('the default model is not built');
    await pushRemote(built);
    expect(puts()).toEqual([...files, 'index.json']);
    account.server.seen.length = 0;
    await pushRemote(built);
    expect(puts()).toEqual([]);
    await list.run(undefined, { remote: true });
    vi.restoreAllMocks();
    const megabytes = [...built.manifest.files].reduce((sum, { bytes }) => sum + bytes, 0) / 1e6;
    expect(printed).toMatch(new RegExp(`^${id}@${revision} +account's bucket +${megabytes.toFixed(1)} MB`, 'm'));
  });

  it('list --remote has nothing of an account without the bucket', async () => {
    let printed = '';
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      printed += String(text);
      return true;
    });
    await list.run(undefined, { remote: true });
    vi.restoreAllMocks();
    expect(printed).toContain('wrangler.toml');
    expect(printed).not.toContain("account's bucket");
  });
});

describe('npm run metrics', () => {
  const now = Date.UTC(2026, 0, 2, 12, 30);

  it('draws what the worker wrote, by seven queries', async () => {
    vi.useFakeTimers({ now, toFake: ['Date'] });
    const common = {
      request_id: '1',
      method: 'POST',
      route: '/fill-mask',
      model: 'albert-edge@1',
      version: 'a1b2c3d4-e5',
    };
    const free = { tokens: 0, multiply_adds: 0, queue_ms: 0 };
    const write = (secondsAgo: number, seen: Omit<Observation, keyof typeof common>, sampleInterval = 1) =>
      account.server.points.write(dataPoint({ ...common, ...seen }), secondsAgo, sampleInterval);
    const computed = {
      status: 200,
      cache: 'computed',
      caller: 'key:0123',
      multiply_adds: 40e9,
      queue_ms: 500,
    } as const;
    write(60, { ...computed, tokens: 20, duration_ms: 30 });
    write(3 * 3600, { ...free, status: 200, cache: 'isolate', duration_ms: 1 }, 1200);
    write(3 * 3600, { ...free, status: 422, error_type: 'no_mask', duration_ms: 5 });
    write(30 * 3600, { ...computed, tokens: 1000, duration_ms: 900 });

    const target = { ...(await findTarget(undefined, host)), dataset: DATASET };
    const drawn = drawMetrics(await readMetrics(target, 24), 24, now);
    vi.useRealTimers();
    const full = '█'.repeat(30);
    const lines = drawn.split('\n').map((line) => line.trim().replace(/  +/g, '  '));
    expect(lines[0]).toBe('1,202 requests in the last 24 hours');
    const places = ['Each hour, UTC', `01-02 09:00  ${full}  1,201`, '01-02 10:00  0', '01-02 12:00  ▏  1'].map(
      (line) => lines.indexOf(line),
    );
    expect(places).toEqual([5, 27, 28, 30]);
    for (const line of [
      `POST /fill-mask  ${full}  1,202  1.0  1.0`,
      `isolate  ${full}  1,200  99.9 %`,
      'computed  ▏  1  0.1 %',
      'a1b2c3d4 422 no_mask  ▏  1',
      `no key  ${full}  1,201  0  0.0`,
      'key:0123  ▏  1  20  2.0',
      '99.9 % of the answers came from a cache',
      // 0.4 ms for each request, and 2 s for 40 billion multiply-adds.
      '2,481 ms of CPU time, at most',
      'A month like this costs $5.00 at most on the paid plan, at the prices of November 2026',
      `200  ${full}  1,201  99.9 %`,
      `albert-edge@1  ${full}  1,202  20  2.0  0.5`,
    ]) {
      expect(lines).toContain(line);
    }
    expect(account.server.seen.filter((line) => line.includes('analytics_engine'))).toHaveLength(7);
  });

  it('says that there is nothing yet, that there is no dataset, what the API refuses, and which permission lacks', async () => {
    const target = await findTarget(undefined, host);
    await expect(readMetrics(target, 24)).rejects.toThrow('wrangler.toml has no binding ANALYTICS: uncomment');
    const withDataset = { ...target, dataset: DATASET };
    expect(drawMetrics(await readMetrics(withDataset, 24), 24, now)).toMatch(/^No data point of the last 24 hours/);
    await expect(readMetrics({ ...target, dataset: 'other' }, 24)).rejects.toThrow(/\(422: no such table: other\)/);
    account.server.faults.push({ on: /analytics_engine/, status: 403 });
    await expect(readMetrics(withDataset, 24)).rejects.toThrow(
      'the token lacks the permission "Account Analytics: Read"',
    );
  });
});

describe('the dashboard and the alerts', () => {
  interface Panel {
    readonly title: string;
    readonly targets: readonly { readonly query: string }[];
  }

  async function documented(): Promise<string[]> {
    const { panels } = JSON.parse(await readFile(join(ROOT, 'docs/grafana.json'), 'utf8')) as { panels: Panel[] };
    const text = await readFile(join(ROOT, 'docs/operating.md'), 'utf8');
    const alerts = Array.from(text.matchAll(/```sql\n([^`]+)\n```/g), ([, sql = '']) => sql);
    expect([panels.length, alerts.length]).toEqual([7, 3]);
    return [...panels.flatMap(({ targets }) => targets.map(({ query }) => query)), ...alerts];
  }

  it('name the columns that the worker writes, by their names', async () => {
    for (const query of await documented()) {
      for (const [, kind = '', number = '', alias] of query.matchAll(/\b(blob|double)(\d+)\b(?: AS (\w+))?/g)) {
        const columns: readonly string[] = kind === 'blob' ? BLOBS : DOUBLES;
        const column = columns[Number(number) - 1];
        expect(column, `${kind}${number} in ${query}`).toBeDefined();
        expect(alias ?? column).toBe(column);
      }
    }
    // Where the name is that of a sum.
    expect(BLOBS[1]).toBe('status');
    expect(DOUBLES).toEqual(['duration_ms', 'tokens', 'multiply_adds', 'queue_ms']);
  });

  it('are queries that the dataset answers, and the alerts find what they are for', async () => {
    const { points } = account.server;
    const seen = { request_id: '1', method: 'POST', route: '/fill-mask', model: 'a@1', version: 'v', duration_ms: 1 };
    const work = { tokens: 8, multiply_adds: 40e9, queue_ms: 5 };
    points.write(dataPoint({ ...seen, ...work, status: 200, cache: 'computed', caller: 'key:ALICE' }), 60, 3);
    points.write(dataPoint({ ...seen, ...work, status: 502, error_type: 'model_unavailable' }), 60);
    const queries = await documented();
    for (const query of queries) expect(points.query(query).length, query).toBeGreaterThan(0);
    const [errors, cpu, budget] = queries.slice(-3).map((query) => points.query(query)[0] ?? {});
    expect(errors).toMatchObject({ errors: 0.25, requests: '4' });
    expect(cpu).toMatchObject({ cpu_seconds: 8 });
    expect(Number(budget?.['dollars'])).toBeCloseTo(31 * (0.3e-6 * 4 + 0.02e-6 * (0.4 * 4 + 8000)), 9);
  });
});

it('npm run metrics -- --watch draws again, goes on after a failure, and ends when it is told to', async () => {
  let printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const drawn = ['first', undefined, 'third'];
  let times = 0;
  await repeat(
    () => {
      const text = drawn[times++];
      return text === undefined ? Promise.reject(new Error('the network is away')) : Promise.resolve(text);
    },
    () => Promise.resolve(times < drawn.length),
  );
  vi.restoreAllMocks();
  expect(printed).toBe('first\nthird\n');
  await expect(repeat(() => Promise.reject(new Error('no dataset')))).rejects.toThrow('no dataset');
});
