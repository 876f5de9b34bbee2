import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { type Ending, type LazyJson, lazyLists, resolveJson, writeJson } from '../../../src/http/stream-json.ts';
import { READER_TIMEOUT_MS, STREAM_PART_BYTES } from '../../../src/limits.ts';

/** `count` leaves whose JSON has `bytes` bytes each. */
const leaves = (count: number, bytes: number, character = 'a'): LazyJson => {
  const width = new TextEncoder().encode(JSON.stringify(character)).length - 2;
  return Array.from({ length: count }, () => () => character.repeat((bytes - 2) / width));
};

const bytesOf = (value: LazyJson) => new TextEncoder().encode(JSON.stringify(resolveJson(value)));

/** Writes a value, and keeps what the watcher is told. */
function write(value: LazyJson, mayHold = true) {
  const told = { held: 0, made: 0, ends: [] as [Ending, unknown][] };
  const body = writeJson(value, {
    hold: () => (told.held++, mayHold),
    made: (bytes) => void (told.made += bytes),
    end: (ending, error) => void told.ends.push([ending, error]),
  });
  return { body, told };
}

function streamOf(value: LazyJson) {
  const { body, told } = write(value);
  if (!(body instanceof ReadableStream)) throw new Error('it is not streamed');
  return { reader: body.getReader(), told };
}

/** What a reader gets, and the sizes of its parts. */
async function read(value: LazyJson) {
  const { body, told } = write(value);
  const isStream = body instanceof ReadableStream;
  const parts: Uint8Array[] = [];
  for await (const part of isStream
    ? body
    : [typeof body === 'string' ? new TextEncoder().encode(body) : (body ?? new Uint8Array())])
    parts.push(part);
  const bytes = new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  expect(told.made).toBe(bytes.length);
  expect(told.ends).toEqual(isStream ? [['sent', undefined]] : []);
  return { isStream, sizes: parts.map(({ length }) => length), bytes };
}

describe('an answer', () => {
  it.each<[string, LazyJson]>([
    ['no lists', []],
    ['no members', new Map()],
    ['one list', () => [{ a: 1 }]],
    ['lists of lists', [[() => 1, () => 'ä'], [], () => null]],
    ['one byte less than a part', leaves(1, STREAM_PART_BYTES - 3)],
  ])('of %s is written at once, and holds nothing', async (_, value) => {
    const { isStream, bytes } = await read(value);
    expect(isStream).toBe(false);
    expect(Buffer.compare(bytes, bytesOf(value))).toBe(0);
    expect(write(value, false).told).toMatchObject({ held: 0, made: bytes.length });
  });

  it.each<[string, LazyJson]>([
    ['exactly a part', leaves(1, STREAM_PART_BYTES - 2)],
    ['many masks of one short text', [leaves(160, 1_002), leaves(160, 1_002)]],
    ['characters that JSON escapes', leaves(16, 10_202, '\u0001')],
    ['few characters of three bytes', leaves(1, 66_002, '語')],
    ['a candidate of several parts', leaves(3, 196_202, '\u0001')],
    ['tokens', lazyLists({ score: -0, tokens: Array.from({ length: 9_000 }, (_, i) => ({ i, text: '\ud800' })) })],
  ])('of %s is streamed in parts, counted in bytes', async (_, value) => {
    const { isStream, sizes, bytes } = await read(value);
    expect(isStream).toBe(true);
    expect(Buffer.compare(bytes, bytesOf(value))).toBe(0);
    for (const size of sizes.slice(0, -1)) expect(size).toBe(STREAM_PART_BYTES);
    expect(sizes.at(-1)).toBeLessThanOrEqual(STREAM_PART_BYTES);
  });

  it('has the bytes of JSON.stringify, whatever its values are', async () => {
    let state = 7;
    const random = (below: number) => (state = (state * 48_271) % 2_147_483_647) % below;
    const texts = ['\ud800', '\udfff', '😀', '\u0001', '"', '\\', '\u2028', 'ä', '語', 'plain words ', ''];
    const textOf = () => Array.from({ length: random(40) }, () => texts[random(texts.length)]).join('');
    const leaf = (): unknown =>
      [textOf(), (random(2e9) - 1e9) / 2 ** random(900), -0, 1e21, null, false, { [textOf()]: textOf(), b: [1, 'a'] }][
        random(7)
      ];
    const valueOf = (depth: number): LazyJson => {
      if (depth === 0 || random(4) === 0) {
        const one = leaf();
        return () => one;
      }
      const items = Array.from({ length: random(6) }, () => valueOf(depth - 1));
      return random(2) === 0 ? items : new Map(items.map((item) => [textOf(), item]));
    };
    let streamed = 0;
    for (let i = 0; i < 30; i++) {
      const value = Array.from({ length: 1 + random(120) }, () => valueOf(3));
      const { isStream, bytes } = await read(value);
      if (isStream) streamed++;
      expect(Buffer.compare(bytes, bytesOf(value))).toBe(0);
    }
    expect(streamed).toBeGreaterThan(5);
    expect(streamed).toBeLessThan(25);
  });

  it('is no stream where its bytes may not be held', () => {
    const { body, told } = write(leaves(1, STREAM_PART_BYTES), false);
    expect(body).toBeUndefined();
    expect(told).toEqual({ held: 1, made: 0, ends: [] });
  });

  it('makes a leaf only when its reader comes so far, and none after that one has left', async () => {
    let made = 0;
    const { reader, told } = streamOf(Array.from({ length: 100 }, () => () => (made++, 'a'.repeat(20_000))));
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(made).toBe(4);
    await reader.read();
    await reader.read();
    expect(made).toBe(7);
    await reader.cancel();
    expect(made).toBe(7);
    expect(told.ends).toEqual([['left', undefined]]);
  });
});

const many = () => leaves(8, 40_002);

describe('a stream', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  it.each([0, 1, 3])(
    'whose reader takes nothing for too long after %i parts fails, and holds nothing',
    async (parts) => {
      const { reader, told } = streamOf(many());
      for (let i = 0; i < parts; i++) {
        vi.advanceTimersByTime(READER_TIMEOUT_MS - 1);
        await reader.read();
      }
      vi.advanceTimersByTime(READER_TIMEOUT_MS - 1);
      expect(told.ends).toEqual([]);
      vi.advanceTimersByTime(1);
      expect(told.ends).toEqual([['left', undefined]]);
      await expect(reader.read()).rejects.toThrow('took nothing for 30 s');
      await reader.cancel().catch(() => undefined);
      expect(told.ends).toHaveLength(1);
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  it('says each time that its reader makes progress', async () => {
    const { reader, told } = streamOf(many());
    expect(told.held).toBe(1);
    await reader.read();
    await reader.read();
    expect(told.held).toBe(3);
  });

  it('that was left times out no more', async () => {
    const { reader, told } = streamOf(many());
    await reader.read();
    await reader.cancel();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(2 * READER_TIMEOUT_MS);
    expect(told.ends).toEqual([['left', undefined]]);
  });

  it('that was sent is left by nobody, and times out no more', async () => {
    const { reader, told } = streamOf(many());
    while (!(await reader.read()).done);
    await reader.cancel();
    expect(vi.getTimerCount()).toBe(0);
    expect(told.ends).toEqual([['sent', undefined]]);
  });

  it('whose leaf throws fails with that error, once', async () => {
    const broken = new Error('broken');
    const { reader, told } = streamOf([
      leaves(2, 60_002),
      () => {
        throw broken;
      },
    ]);
    await reader.read();
    await expect(reader.read()).rejects.toBe(broken);
    await reader.cancel().catch(() => undefined);
    expect(vi.getTimerCount()).toBe(0);
    expect(told.ends).toEqual([['failed', broken]]);
  });

  it('that is left while a leaf is made gives nothing more', async () => {
    const leaving = (): unknown => (void reader.cancel(), 'a'.repeat(100_000));
    const { reader, told } = streamOf([leaves(2, 60_002), leaving, leaves(9, 60_002)]);
    await reader.read();
    expect(await reader.read()).toEqual({ value: undefined, done: true });
    expect(told.ends).toEqual([['left', undefined]]);
    expect(told.made).toBe(STREAM_PART_BYTES);
    expect(vi.getTimerCount()).toBe(0);
  });
});
