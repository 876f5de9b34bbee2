/** What comes after `npm run deploy`: metrics, the bucket. Against a stand-in for the API of an account. */
import { describe, expect, inject, it, vi } from 'vitest';

import { readMetrics } from '../../../models/account/metrics.ts';
import { findTarget } from '../../../models/account/worker.ts';
import { findBuild } from '../../../models/bucket/built.ts';
import { drawMetrics } from '../../../models/commands/draw-metrics.ts';
import { command as list } from '../../../models/commands/list.ts';
import { pushBuilt } from '../../../models/commands/push.ts';
import { dataPoint, type Observation } from '../../../src/http/observation.ts';
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
    await pushBuilt(built, 'remote');
    expect(puts()).toEqual([...files, 'index.json']);
    account.server.seen.length = 0;
    await pushBuilt(built, 'remote');
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

  it('draws what the worker wrote, by five queries', async () => {
    vi.useFakeTimers({ now, toFake: ['Date'] });
    const common = {
      request_id: '1',
      method: 'POST',
      route: '/fill-mask',
      model: 'albert-edge@1',
      version: 'a1b2c3d4-e5',
    };
    const free = { tokens: 0, multiply_adds: 0 };
    const write = (secondsAgo: number, seen: Omit<Observation, keyof typeof common>, sampleInterval = 1) =>
      account.server.points.write(dataPoint({ ...common, ...seen }), secondsAgo, sampleInterval);
    const computed = { status: 200, cache: 'computed', caller: 'key:0123', multiply_adds: 40e9 } as const;
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
    expect(places).toEqual([2, 24, 25, 27]);
    for (const line of [
      `POST /fill-mask  ${full}  1,202  1.0  1.0`,
      `isolate  ${full}  1,200  99.9 %`,
      'computed  ▏  1  0.1 %',
      'a1b2c3d4 422 no_mask  ▏  1',
      `no key  ${full}  1,201  0  0.0`,
      'key:0123  ▏  1  20  2.0',
    ]) {
      expect(lines).toContain(line);
    }
    expect(account.server.seen.filter((line) => line.includes('analytics_engine'))).toHaveLength(5);
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
