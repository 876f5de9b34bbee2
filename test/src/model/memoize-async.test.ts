import { describe, expect, it } from 'vitest';

import { memoizeAsync } from '../../../src/model/memoize-async.ts';

describe('once', () => {
  it('makes one thing for all who ask', async () => {
    let made = 0;
    const get = memoizeAsync(async (name: string) => {
      await Promise.resolve();
      return `${name} ${++made}`;
    });
    expect(await Promise.all([get('a'), get('b')])).toEqual(['a 1', 'a 1']);
    expect(await get('c')).toBe('a 1');
  });

  it('forgets a failure, after telling all who waited', async () => {
    let attempts = 0;
    const get = memoizeAsync(() => (++attempts === 1 ? Promise.reject(new Error('first')) : Promise.resolve(attempts)));
    const both = await Promise.allSettled([get(), get()]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await get()).toBe(2);
  });
});
