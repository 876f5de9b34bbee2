/** Keys, limits and computations in flight: the parts of src/cache that need no worker. */
import { describe, expect, it } from 'vitest';

import { seeded } from '../../../models/evaluation/random.ts';
import { LruMap } from '../../../src/cache/lru-map.ts';
import { EdgeCache, type TextCache } from '../../../src/cache/edge-cache.ts';
import { digestOf, type Part } from '../../../src/cache/digest.ts';

describe('a key', () => {
  it('is the same for the same parts, and shows none of them', async () => {
    const key = await digestOf(['a text', 1, Int32Array.of(1, 2), ['x'], undefined]);
    expect(key).toBe(await digestOf(['a text', 1, Int32Array.of(1, 2), ['x'], undefined]));
    expect(key).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is another for parts that only look alike', async () => {
    const alike: Part[][] = [
      [],
      [''],
      ['', ''],
      [undefined],
      [[]],
      [[], []],
      [['']],
      ['ab', 'c'],
      ['a', 'bc'],
      ['abc'],
      [['a', 'b'], 'c'],
      ['a', ['b', 'c']],
      [['a', 'b', 'c']],
      ['1'],
      [1],
      [Int32Array.of(1)],
      [Int32Array.of(1, 2)],
      [Int32Array.of(1), Int32Array.of(2)],
      [1, 2],
      [12],
      [NaN],
      [0],
      [-0],
      ['\ud800'],
      ['\udc00'],
      ['\ufffd'],
      ['e\u0301'],
      ['\u00e9'],
      ['a\0'],
      ['a'],
      [true],
      [false],
      [{}],
      [{ a: 1 }],
      [{ a: 2 }],
      [{ b: 1 }],
      [{ a: 1, b: 1 }],
      [{ a: { b: 1 } }],
      [['a', 1]],
      [{ a: [] }],
    ];
    const keys = await Promise.all(alike.map(digestOf));
    expect(new Set(keys).size).toBe(alike.length);
  });

  it('is the same whatever the order of fields, and for a field that is absent', async () => {
    const key = await digestOf([{ a: 1, b: 'x' }]);
    expect(await digestOf([{ b: 'x', c: undefined, a: 1 }])).toBe(key);
    expect(await digestOf([{ a: 1, b: 'x', c: false }])).not.toBe(key);
  });

  it('is another for texts that contain what stands around others', async () => {
    expect(await digestOf(['a","b'])).not.toBe(await digestOf(['a', 'b']));
    expect(await digestOf(['undefined'])).not.toBe(await digestOf([undefined]));
    expect(await digestOf(['\\ud800'])).not.toBe(await digestOf(['\ud800']));
    expect(await digestOf([{ 'a":1,"b': 2 }])).not.toBe(await digestOf([{ a: 1, b: 2 }]));
  });

  it('is another for any two different lists of parts', async () => {
    const random = seeded(11);
    const draw = (depth: number): Part => {
      switch (random(depth > 0 ? 5 : 4)) {
        case 0:
          return String.fromCharCode(
            ...Array.from({ length: random(3) }, () => [0, 1, 97, 0xd800, 0xdc00][random(5)] ?? 0),
          );
        case 1:
          return random(3) - 1;
        case 2:
          return Int32Array.from({ length: random(3) }, () => random(2));
        case 3:
          return undefined;
        default:
          return Array.from({ length: random(3) }, () => draw(depth - 1));
      }
    };
    const seen = new Map<string, string>();
    for (let round = 0; round < 5_000; round++) {
      const parts = Array.from({ length: random(4) }, () => draw(2));
      // Written out so that different ones are different here too.
      const written = JSON.stringify(parts, (_, value: unknown) => {
        if (value instanceof Int32Array) return { integers: [...value] };
        if (typeof value === 'string')
          return Array.from(value, (_c, i) => value.charCodeAt(i)).join() + `"${value.length}`;
        return value === undefined ? 'nothing' : value;
      });
      const key = await digestOf(parts);
      expect(seen.get(key) ?? written).toBe(written);
      seen.set(key, written);
    }
    expect(new Set(seen.values()).size).toBe(seen.size);
  });
});

describe('a bounded map', () => {
  it('lets go of what was not used for longest', () => {
    const map = new LruMap<number>({ entries: 2, bytes: 10_000 });
    map.set('a', 1, 10);
    map.set('b', 2, 10);
    expect(map.get('a')).toBe(1);
    map.set('c', 3, 10);
    expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([1, undefined, 3]);
  });

  it('stays within its entries and bytes, whatever happens', () => {
    const random = seeded(5);
    const max = { entries: 50, bytes: 20_000 };
    const map = new LruMap<number>(max);
    let largest = 0;
    for (let i = 0; i < 20_000; i++) {
      const key = `key ${random(200)}`;
      if (random(4) === 0) map.delete(key);
      else if (random(2) === 0) map.get(key);
      else map.set(key, i, random(1_000));
      expect(map.size).toBeLessThanOrEqual(max.entries);
      expect(map.bytes).toBeLessThanOrEqual(max.bytes);
      largest = Math.max(largest, map.bytes);
    }
    expect(largest).toBeGreaterThan(max.bytes / 2);
    for (let i = 0; i < 200; i++) map.delete(`key ${i}`);
    expect([map.size, map.bytes]).toEqual([0, 0]);
  });

  it('does not give everything up for one thing that is too large', () => {
    const map = new LruMap<number>({ entries: 10, bytes: 1_000 });
    map.set('small', 1, 10);
    map.set('large', 2, 5_000);
    expect([map.get('small'), map.get('large')]).toEqual([1, undefined]);
  });
});

/** Counts what it is asked, and has nothing. */
function counting() {
  const asked = { gets: 0, puts: 0 };
  const cache: TextCache = {
    match: () => Promise.resolve((asked.gets++, undefined)),
    put: () => Promise.resolve(void asked.puts++),
  };
  return { asked, cache };
}

// The real cache cannot fail on demand.
describe('the edge cache', () => {
  const never = new Promise<never>(() => undefined);
  const faulty: [string, TextCache][] = [
    [
      'throws',
      { match: () => Promise.reject(new Error('out of order')), put: () => Promise.reject(new Error('full')) },
    ],
    ['hangs', { match: () => never, put: () => Promise.resolve() }],
    ['hangs half-way', { match: () => Promise.resolve({ text: () => never }), put: () => Promise.resolve() }],
  ];
  it.each(faulty)('that %s is a miss', async (name, cache) => {
    const edge = new EdgeCache(cache, 'https://example.com', 45);
    expect(await edge.get('key')).toBeUndefined();
    expect(await edge.put('key', 'text', 60)).toBe(name !== 'throws');
  });

  it.each([0, 1, 3, 45, 500])(
    'is asked %i times by one request and no more, and look-ups leave room for puts',
    async (n) => {
      const { asked, cache } = counting();
      const edge = new EdgeCache(cache, 'https://example.com', n);
      for (let i = 0; i <= n; i++) await edge.get(`key ${i}`);
      expect(asked.gets).toBe(Math.floor((3 / 4) * n));
      for (let i = 0; i <= n; i++) await edge.put(`key ${i}`, 'text', 60);
      expect(asked.gets + asked.puts).toBe(n);
      expect(edge.put('key', 'text', 60)).toBeUndefined();
    },
  );

  it('keeps the operations that are reserved', async () => {
    const { asked, cache } = counting();
    const edge = new EdgeCache(cache, 'https://example.com', 8);
    edge.reserve(5);
    for (let i = 0; i < 8; i++) await edge.get('key');
    expect(asked).toEqual({ gets: 1, puts: 0 });
    for (let i = 0; i < 8; i++) await edge.put('key', 'text', 60);
    expect(asked).toEqual({ gets: 1, puts: 2 });
    edge.reserve(0);
    for (let i = 0; i < 8; i++) await edge.put('key', 'text', 60);
    expect(asked).toEqual({ gets: 1, puts: 7 });
  });
});
