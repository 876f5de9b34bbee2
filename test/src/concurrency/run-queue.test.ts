import { describe, expect, it } from 'vitest';

import { type Job, RunQueue } from '../../../src/concurrency/run-queue.ts';
import { FakeClock } from './fake-clock.ts';

const OPTIONS = { max_work: 100, slice: 10, lease_ms: 1_000, patience_ms: 500 };
const noBeat = () => undefined;

function admitted(queue: RunQueue, work: number): Job {
  const job = queue.admit('a', work);
  if (!job) throw new Error('was not admitted');
  return job;
}

/** A job of turns of `turn` units of work, each of which takes as many milliseconds. */
async function runAll(queue: RunQueue, clock: FakeClock, work: number, turn: number, log: string[], name: string) {
  const job = admitted(queue, work);
  for (let left = work; left > 0; left -= turn) {
    await queue.turn(job, turn, noBeat, async () => {
      log.push(name);
      await clock.sleep(turn);
    });
  }
  queue.end(job);
}

describe('the run queue', () => {
  it('admits work up to its bound, and any job that is alone', () => {
    const queue = new RunQueue(OPTIONS, new FakeClock());
    const alone = admitted(queue, 1_000);
    expect(queue.admit('a', 1)).toBeUndefined();
    queue.end(alone);
    admitted(queue, 60);
    expect(queue.admit('a', 41)).toBeUndefined();
    admitted(queue, 40);
    expect(queue.work).toBe(100);
  });

  it('forgets a job that makes no progress', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    admitted(queue, 100);
    expect(queue.admit('a', 50)).toBeUndefined();
    await clock.pass(1_001);
    expect(queue.work).toBe(0);
    admitted(queue, 50);
  });

  it('tells which models jobs wait for, as long as these make progress', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    const job = admitted(queue, 10);
    expect([queue.awaits('a'), queue.awaits('b')]).toEqual([true, false]);
    queue.end(job);
    expect(queue.awaits('a')).toBe(false);
    admitted(queue, 10);
    await clock.pass(1_001);
    expect(queue.awaits('a')).toBe(false);
  });

  it('never runs two turns at once', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    let running = 0;
    const jobs = Array.from({ length: 5 }, async () => {
      const job = admitted(queue, 20);
      for (let i = 0; i < 4; i++) {
        await queue.turn(job, 5, noBeat, async (pause) => {
          expect(running++).toBe(0);
          await pause(5);
          await clock.sleep(3);
          running--;
        });
      }
      queue.end(job);
    });
    await clock.pass(5_000);
    await Promise.all(jobs);
    expect(queue.work).toBe(0);
  });

  it('lets short work go before long work that is under way', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    const log: string[] = [];
    const long = runAll(queue, clock, 80, 10, log, 'long');
    await clock.pass(15);
    const short = runAll(queue, clock, 5, 5, log, 'short');
    await clock.pass(2_000);
    await Promise.all([long, short]);
    expect(log.indexOf('short')).toBeGreaterThan(0);
    expect(log.indexOf('short')).toBeLessThan(4);
    expect(log).toHaveLength(9);
  });

  it('lets long work go on when it has waited for its patience, however much short work comes', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    const log: string[] = [];
    const ended = new AbortController();
    const long = runAll(queue, clock, 20, 10, log, 'long').finally(() => ended.abort());
    const shorts: Promise<void>[] = [];
    for (let i = 0; i < 400 && !ended.signal.aborted; i++) {
      if (queue.work < 60) shorts.push(runAll(queue, clock, 9, 9, log, 'short'));
      await clock.pass(5);
    }
    expect(ended.signal.aborted).toBe(true);
    await clock.pass(2_000);
    await Promise.all([long, ...shorts]);
  });

  it('yields within a long turn, and not within a short one', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    const job = admitted(queue, 100);
    let yields = 0;
    const beat = () => {
      yields++;
    };
    await queue.turn(job, 4, beat, async (pause) => {
      await pause(2);
      await pause(2);
    });
    expect(yields).toBe(0);
    const turn = queue.turn(job, 40, beat, async (pause) => {
      for (let i = 0; i < 4; i++) await pause(10);
    });
    await clock.pass(100);
    await turn;
    expect(yields).toBe(4);
  });

  it('gives the model to the next job when the holder dies, and makes the holder start over when it comes back', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    const slow = admitted(queue, 50);
    let begun = 0;
    const coming = queue.turn(slow, 50, noBeat, async (pause) => {
      // The first time it takes longer than its lease between two steps.
      if (begun++ === 0) await clock.sleep(3_000);
      await pause(20);
      return 'done';
    });
    await clock.pass(100);
    const next = admitted(queue, 10);
    let isNextDone = false;
    const other = queue
      .turn(next, 10, noBeat, async () => {
        await clock.sleep(2_500);
      })
      .then(() => {
        isNextDone = true;
        queue.end(next);
      });
    await clock.pass(800);
    expect(isNextDone).toBe(false);
    await clock.pass(10_000);
    await other;
    expect(await coming).toBe('done');
    expect(begun).toBe(2);
  });

  it('frees the model when a run throws', async () => {
    const clock = new FakeClock();
    const queue = new RunQueue(OPTIONS, clock);
    const job = admitted(queue, 5);
    await expect(queue.turn(job, 5, noBeat, () => Promise.reject(new Error('trap')))).rejects.toThrow('trap');
    expect(await queue.turn(job, 5, noBeat, () => Promise.resolve('next'))).toBe('next');
  });
});
