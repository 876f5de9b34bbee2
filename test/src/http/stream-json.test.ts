import { describe, expect, it } from 'vitest';

import { type LazyJson, resolveJson, writeJson } from '../../../src/http/stream-json.ts';
import { STREAM_PART_BYTES } from '../../../src/limits.ts';

/** `count` leaves whose JSON has `bytes` bytes each. */
const leaves = (count: number, bytes: number, character = 'a'): LazyJson => {
  const width = new TextEncoder().encode(JSON.stringify(character)).length - 2;
  return Array.from({ length: count }, () => () => character.repeat((bytes - 2) / width));
};

async function read(body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>) {
  const isStream = body instanceof ReadableStream;
  const parts: Uint8Array[] = [];
  for await (const part of isStream ? body : [body]) parts.push(part);
  const text = await new Blob(parts as Uint8Array<ArrayBuffer>[]).text();
  return { isStream, sizes: parts.map(({ length }) => length), json: JSON.parse(text) as unknown };
}

describe('an answer', () => {
  it.each<[string, LazyJson]>([
    ['no lists', []],
    ['one list', () => [{ a: 1 }]],
    ['lists of lists', [[() => 1, () => 'ä'], [], () => null]],
    ['one byte less than a part', leaves(1, STREAM_PART_BYTES - 3)],
  ])('of %s is written at once', async (_, value) => {
    expect(await read(writeJson(value))).toMatchObject({ isStream: false, json: resolveJson(value) });
  });

  it.each<[string, LazyJson]>([
    ['exactly a part', leaves(1, STREAM_PART_BYTES - 2)],
    ['many masks of one short text', [leaves(160, 1_002), leaves(160, 1_002)]],
    ['characters that JSON escapes', leaves(16, 10_202, '\u0001')],
    ['characters of three bytes', leaves(16, 6_002, '語')],
  ])('of %s is streamed in parts, counted in bytes', async (_, value) => {
    const { isStream, sizes, json } = await read(writeJson(value));
    expect(isStream).toBe(true);
    expect(json).toEqual(resolveJson(value));
    expect(sizes.reduce((a, b) => a + b)).toBe(new TextEncoder().encode(JSON.stringify(resolveJson(value))).length);
    for (const size of sizes) expect(size).toBeLessThan(STREAM_PART_BYTES + 12_000);
    for (const size of sizes.slice(0, -1)) expect(size).toBeGreaterThanOrEqual(STREAM_PART_BYTES);
  });

  it('makes a leaf only when its client reads so far', async () => {
    let made = 0;
    const body = writeJson(Array.from({ length: 100 }, () => () => (made++, 'a'.repeat(20_000))));
    if (!(body instanceof ReadableStream)) throw new Error('it is not streamed');
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(made).toBeLessThan(10);
    await body.cancel();
    expect(made).toBeLessThan(10);
  });
});
