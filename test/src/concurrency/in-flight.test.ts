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
