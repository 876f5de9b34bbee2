import { describe, expect, it } from 'vitest';

import { InFlight } from '../../../src/concurrency/in-flight.ts';
import { FakeClock } from './fake-clock.ts';

const LEASE_MS = 1_000;
const upper = (keys: readonly string[]) => keys.map((key) => key.toUpperCase());

describe('computations in flight', () => {
  it('compute each key once', async () => {
    const clock = new FakeClock();
    const inFlight = new InFlight<string>(LEASE_MS, clock);
    const asked: string[][] = [];
    const compute = async (keys: readonly string[]) => {
      asked.push([...keys]);
      await clock.sleep(50);
      return upper(keys);
    };
    const leader = inFlight.share(['a', 'b'], compute);
    const follower = inFlight.share(['b', 'c', 'b'], compute);
    await clock.pass(200);
    expect(await leader).toEqual(['A', 'B']);
    expect(await follower).toEqual(['B', 'C', 'B']);
    expect(asked).toEqual([['a', 'b'], ['c']]);
    expect(inFlight.size).toBe(0);
  });

  it('are restarted once when the leader fails; only the leader gets its error', async () => {
    const clock = new FakeClock();
    const inFlight = new InFlight<string>(LEASE_MS, clock);
    const leader = inFlight
      .share(['a'], async () => {
        await clock.sleep(20);
        throw new Error('no');
      })
      .catch((error: Error) => error.message);
    let runs = 0;
    const followers = [1, 2, 3, 4, 5].map(() =>
      inFlight.share(['a'], async (keys) => {
        runs++;
        await clock.sleep(20);
        return upper(keys);
      }),
    );
    await clock.pass(500);
    expect(await leader).toBe('no');
    expect(await Promise.all(followers)).toEqual(followers.map(() => ['A']));
    expect(runs).toBe(1);
    expect(inFlight.size).toBe(0);
  });

  it('are restarted once when the leader dies', async () => {
    const clock = new FakeClock();
    const inFlight = new InFlight<string>(LEASE_MS, clock);
    void inFlight.share(['a'], () => new Promise<never>(() => undefined));
    let runs = 0;
    const followers = [1, 2, 3, 4, 5].map(() =>
      inFlight.share(['a'], async (keys) => {
        runs++;
        await clock.sleep(20);
        return upper(keys);
      }),
    );
    await clock.pass(2_000);
    expect(await Promise.all(followers)).toEqual(followers.map(() => ['A']));
    expect(runs).toBe(1);
  });

  it('are not restarted while the leader makes progress, however long it takes', async () => {
    const clock = new FakeClock();
    const inFlight = new InFlight<string>(LEASE_MS, clock);
    let runs = 0;
    const compute = async (keys: readonly string[], beat: () => void) => {
      runs++;
      for (let i = 0; i < 5; i++) {
        await clock.sleep(0.8 * LEASE_MS);
        beat();
      }
      return upper(keys);
    };
    const asked = [inFlight.share(['a'], compute), inFlight.share(['a'], compute)];
    await clock.pass(20 * LEASE_MS);
    expect(await Promise.all(asked)).toEqual([['A'], ['A']]);
    expect(runs).toBe(1);
  });

  it('that end late leave those of the request that took over', async () => {
    const clock = new FakeClock();
    const inFlight = new InFlight<string>(LEASE_MS, clock);
    const after = (milliseconds: number, value: string) => async () => {
      await clock.sleep(milliseconds);
      return [value];
    };
    const late = inFlight.share(['a'], after(1.5 * LEASE_MS, 'late'));
    await clock.pass(LEASE_MS + 1);
    const next = inFlight.share(['a'], after(0.8 * LEASE_MS, 'next'));
    await clock.pass(0.6 * LEASE_MS);
    expect(await late).toEqual(['late']);
    const third = inFlight.share(['a'], after(0, 'third'));
    await clock.pass(LEASE_MS);
    expect(await Promise.all([next, third])).toEqual([['next'], ['next']]);
    expect(inFlight.size).toBe(0);
    const last = inFlight.share(['a'], after(2 * LEASE_MS, 'last'));
    await clock.pass(LEASE_MS + 1);
    expect(await inFlight.share(['a'], () => Promise.resolve(['at once']))).toEqual(['at once']);
    await clock.pass(LEASE_MS);
    expect(await last).toEqual(['last']);
  });

  it('fail at once for a request whose own part fails, whatever the strangers do', async () => {
    const clock = new FakeClock();
    const inFlight = new InFlight<string>(LEASE_MS, clock);
    void inFlight.share(['slow'], async (keys, beat) => {
      for (let i = 0; i < 1_000; i++) {
        await clock.sleep(500);
        beat();
      }
      return upper(keys);
    });
    const failed = inFlight.share(['slow', 'mine'], () => Promise.reject(new Error('mine failed')));
    await expect(failed).rejects.toThrow('mine failed');
    expect(clock.now()).toBe(0);
  });

  it('do not answer a request that came after they ended', async () => {
    const inFlight = new InFlight<string>(LEASE_MS, new FakeClock());
    await expect(inFlight.share(['a'], () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await inFlight.share(['a'], (keys) => Promise.resolve(upper(keys)))).toEqual(['A']);
    expect(await inFlight.share(['a'], () => Promise.resolve(['anew']))).toEqual(['anew']);
  });
});
