import { describe, expect, it } from 'vitest';

import { findUnwritable } from '../../../src/http/find-unwritable.ts';

const cycle: unknown[] = [];
cycle.push({ cycle });
let deep: unknown = 'a';
for (let i = 0; i < 100_000; i++) deep = [deep];

describe('a value that JSON cannot hold', () => {
  it.each<[unknown, string]>([
    [5n, 'The question is a bigint'],
    [() => 1, 'The question is a function'],
    [{ inputs: ['a', () => 1] }, 'inputs[1] is a function'],
    [{ parameters: { top_k: NaN } }, 'parameters.top_k is NaN'],
    [{ parameters: { top_k: Infinity } }, 'parameters.top_k is Infinity'],
    [{ parameters: new Map() }, 'parameters is neither a list nor a plain object'],
    [{ inputs: new Date() }, 'inputs is neither a list nor a plain object'],
    [new Uint8Array(2), 'The question is neither a list nor a plain object'],
    [cycle, '[0].cycle contains itself'],
  ])('%o is named by its place', (value, problem) => {
    expect(findUnwritable(value)).toBe(problem);
  });

  it('may be very deep', () => {
    expect(findUnwritable({ deep })).toMatch(/ is more than 50 levels deep$/);
  });
});

it.each([
  undefined,
  null,
  'a',
  5,
  { inputs: ['a', null, undefined], parameters: { truncation: true, top_k: undefined } },
  Object.assign(Object.create(null) as object, { inputs: 'a' }),
  // The same value in two places is no cycle.
  { a: [cycle.length], b: [cycle.length] },
])('JSON can hold %o', (value) => {
  expect(findUnwritable(value)).toBeUndefined();
});
