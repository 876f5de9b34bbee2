import { describe, expect, it } from 'vitest';

import { SharedValue } from '../../../src/concurrency/shared-value.ts';
import { FakeClock } from './fake-clock.ts';

const OPTIONS = { lease_ms: 1_000, pause_ms: 500 };
const never = () => new Promise<never>(() => undefined);

describe('a shared value', () => {
  it('is made once for all who ask meanwhile and later', async () => {
    const clock = new FakeClock();
    const value = new SharedValue<object>(OPTIONS, clock);
    let made = 0;
    const make = async () => {
      made++;
      await clock.sleep(100);
      return {};
    };
    const asked = [value.get(make), value.get(make), value.get(make)];
    await clock.pass(200);
    const [first, ...others] = await Promise.all(asked);
    for (const other of others) expect(other).toBe(first);
    expect(await value.get(make)).toBe(first);
    expect(value.current).toBe(first);
    expect(made).toBe(1);
  });

  it('fails for the leader and its followers with one attempt, and for everybody during the pause', async () => {
    const clock = new FakeClock();
    const value = new SharedValue<number>(OPTIONS, clock);
    let attempts = 0;
    const failing = async () => {
      attempts++;
      await clock.sleep(10);
      throw new Error(`attempt ${attempts}`);
    };
    const asked = [value.get(failing), value.get(failing)].map((one) => one.catch((error: Error) => error.message));
    await clock.pass(50);
    expect(await Promise.all(asked)).toEqual(['attempt 1', 'attempt 1']);
    await expect(value.get(failing)).rejects.toThrow('attempt 1');
    await clock.pass(500);
    expect(await value.get(() => Promise.resolve(7))).toBe(7);
    expect(attempts).toBe(1);
  });

  it('is made by a follower when the leader dies: with one new attempt', async () => {
    const clock = new FakeClock();
    const value = new SharedValue<number>(OPTIONS, clock);
    void value.get(never);
    let attempts = 0;
    const asked = [1, 2, 3].map(() =>
      value.get(async () => {
        attempts++;
        await clock.sleep(20);
        return 7;
      }),
    );
    await clock.pass(900);
    expect(attempts).toBe(0);
    await clock.pass(300);
    expect(await Promise.all(asked)).toEqual([7, 7, 7]);
    expect(attempts).toBe(1);
  });

  it('waits for a slow leader as long as it makes progress', async () => {
    const clock = new FakeClock();
    const value = new SharedValue<number>(OPTIONS, clock);
    const leader = value.get(async (beat) => {
      for (let i = 0; i < 10; i++) {
        await clock.sleep(900);
        beat();
      }
      return 1;
    });
    const follower = value.get(() => Promise.resolve(2));
    await clock.pass(10_000);
    expect([await leader, await follower]).toEqual([1, 1]);
  });

  it('stops a leader that was replaced, which then gets the value of the new one', async () => {
    const clock = new FakeClock();
    const value = new SharedValue<string>(OPTIONS, clock);
    let ended = false;
    const late = value.get(async (beat) => {
      await clock.sleep(5_000);
      beat();
      ended = true;
      return 'late';
    });
    const follower = value.get(() => Promise.resolve('in time'));
    await clock.pass(6_000);
    expect([await late, await follower, value.current]).toEqual(['in time', 'in time', 'in time']);
    expect(ended).toBe(false);
  });

  it('is attempted again when the pause after a failure is over, to the millisecond', async () => {
    const clock = new FakeClock();
    const value = new SharedValue<number>(OPTIONS, clock);
    await clock.pass(100);
    await expect(value.get(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await clock.pass(OPTIONS.pause_ms - 1);
    await expect(value.get(() => Promise.resolve(7))).rejects.toThrow('no');
    await clock.pass(1);
    expect(await value.get(() => Promise.resolve(7))).toBe(7);
  });

  it.each([
    ['value', () => Promise.resolve('late')],
    ['failure', () => Promise.reject(new Error('late'))],
  ])('is not touched by the %s of a leader that was replaced and makes no progress any more', async (_, ending) => {
    const clock = new FakeClock();
    const value = new SharedValue<string>(OPTIONS, clock);
    const late = value
      .get(async () => {
        await clock.sleep(OPTIONS.lease_ms + 200);
        return ending();
      })
      .catch((error: Error) => error.message);
    await clock.pass(OPTIONS.lease_ms + 1);
    const slow = async () => {
      await clock.sleep(400);
      return 'in time';
    };
    const next = value.get(slow);
    await clock.pass(250);
    expect(await late).toBe('late');
    // The one that took over is still at work.
    expect(value.current).toBeUndefined();
    const third = value.get(() => Promise.resolve('third'));
    await clock.pass(400);
    expect([await next, await third, value.current]).toEqual(['in time', 'in time', 'in time']);
  });

  it('has the error of another lost lease passed on, as any error of what makes it', async () => {
    const clock = new FakeClock();
    const [inner, outer] = [new SharedValue<string>(OPTIONS, clock), new SharedValue<string>(OPTIONS, clock)];
    let lost: unknown;
    void inner.get(async (beat) => {
      await clock.sleep(OPTIONS.lease_ms + 1);
      try {
        beat();
      } catch (error) {
        lost = error;
        throw error;
      }
      return '';
    });
    await clock.pass(OPTIONS.lease_ms + 0.5);
    void inner.get(never);
    await clock.pass(1);
    expect(lost).toMatchObject({ name: 'LeaseLost', message: 'another request has taken over' });
    await expect(outer.get(() => Promise.reject(lost as Error))).rejects.toBe(lost);
  });

  it('is created again after it is dropped, unless another was created since', async () => {
    const value = new SharedValue<object>(OPTIONS, new FakeClock());
    const first = await value.get(() => Promise.resolve({}));
    value.drop(first);
    value.drop(first);
    const second = await value.get(() => Promise.resolve({}));
    expect(second).not.toBe(first);
    value.drop(first);
    expect(value.current).toBe(second);
  });
});
