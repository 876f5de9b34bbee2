/** What a body is: its type, its charset and its encoding. */
import { beforeAll, describe, expect, it } from 'vitest';

import { fillBucket, freshApp } from '../bucket.ts';

const app = freshApp();
const TEXT = 'Le café [MASK] là.';
const JSON_TEXT = JSON.stringify({ inputs: TEXT, parameters: { top_k: 1 } });
const UTF8 = new TextEncoder().encode(JSON_TEXT);
/** Of the characters above, one byte each. */
const LATIN1 = Uint8Array.from(JSON_TEXT, (character) => character.charCodeAt(0));

function utf16(text: string, isLittle: boolean): Uint8Array {
  const view = new DataView(new ArrayBuffer(2 * text.length));
  for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i), isLittle);
  return new Uint8Array(view.buffer);
}

const gzip = async (bytes: Uint8Array) =>
  new Uint8Array(
    await new Response(
      new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new CompressionStream('gzip')),
    ).arrayBuffer(),
  );

const send = (body: Uint8Array, headers: Record<string, string>) =>
  app.request('/fill-mask', { method: 'POST', body, headers });
async function answered(body: Uint8Array, headers: Record<string, string>) {
  const response = await send(body, headers);
  expect(response.status, await response.clone().text()).toBe(200);
  return response.json();
}
async function refused(body: Uint8Array, headers: Record<string, string>) {
  const response = await send(body, headers);
  return { status: response.status, ...(await response.json<{ error: string; error_type: string }>()) };
}

let expected: unknown;
beforeAll(async () => {
  await fillBucket();
  expected = await app.answer(JSON_TEXT);
});

describe('a body that is JSON', () => {
  it.each([
    'text/plain;charset=UTF-8',
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/x-www-form-urlencoded; charset=UTF-8',
    'application/octet-stream',
    'application/vnd.api+json',
    'text/json',
    'multipart/form-data; boundary=x',
    'json',
    'application/json, application/json',
    'Application/JSON; Charset="utf-8"',
    'application/json;profile="a" ; charset = \'utf-8\''.replaceAll("'", ''),
    'application/json; charset=',
  ])('is taken under %s', async (type) => {
    expect(await answered(UTF8, { 'content-type': type })).toEqual(expected);
  });

  it('is taken without a content type', async () => {
    expect(JSON.stringify(expected)).toContain('Le café');
    expect(await answered(UTF8, {})).toEqual(expected);
  });
});

describe('a body that is not JSON', () => {
  const form = new TextEncoder().encode('inputs=a');
  it.each(['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'image/png', 'text/html'])(
    'is refused for its type under %s',
    async (type) => {
      expect(await refused(form, { 'content-type': type })).toEqual({
        status: 415,
        error_type: 'unsupported_media_type',
        error: `The content type is ${type}. Send JSON with the header "content-type: application/json".`,
      });
    },
  );

  it.each(['application/json', 'text/plain', 'application/octet-stream', undefined])(
    'is refused as no JSON under %s',
    async (type) => {
      expect(await refused(form, type === undefined ? {} : { 'content-type': type })).toEqual({
        status: 400,
        error_type: 'invalid_json',
        error: 'The body is not JSON. Send {"inputs": "Paris is the [MASK] of France."}.',
      });
    },
  );
});

describe('the charset of a body', () => {
  const MARK = '\uFEFF';
  it.each<[string, Uint8Array, string]>([
    ['iso-8859-1', LATIN1, 'application/json; charset=iso-8859-1'],
    ['windows-1252 in quotes', LATIN1, 'text/plain; charset="Windows-1252"'],
    ['utf-16le', utf16(JSON_TEXT, true), 'application/json; charset=utf-16le'],
    ['utf-16be', utf16(JSON_TEXT, false), 'application/json; charset=UTF-16BE'],
    ['utf-16, little endian by its mark', utf16(MARK + JSON_TEXT, true), 'application/json; charset=utf-16'],
    ['utf-16, big endian by its mark', utf16(MARK + JSON_TEXT, false), 'application/json; charset=utf-16'],
    ['utf-8 by its mark', new TextEncoder().encode(MARK + JSON_TEXT), 'application/json'],
    ['utf-8 by its mark, and not what the header says', new TextEncoder().encode(MARK + JSON_TEXT), 'a/b; charset=gbk'],
  ])('is decoded: %s', async (_, body, type) => {
    expect(await answered(body, { 'content-type': type })).toEqual(expected);
    expect(await answered(body, { 'content-type': type, 'content-length': `${body.length}` })).toEqual(expected);
    expect(await answered(await gzip(body), { 'content-type': type, 'content-encoding': 'gzip' })).toEqual(expected);
  });

  it('is decoded: gbk', async () => {
    // "中文 [MASK]": D6 D0 CE C4.
    const head = new TextEncoder().encode('{"inputs": "');
    const body = Uint8Array.from([...head, 0xd6, 0xd0, 0xce, 0xc4, ...new TextEncoder().encode(' [MASK]"}')]);
    expect(await answered(body, { 'content-type': 'application/json; charset=gbk' })).toEqual(
      await app.answer({ inputs: '中文 [MASK]' }),
    );
  });

  it.each(['utf-7', 'utf-32', 'cp437', 'x'.repeat(100)])('that is not known is named: %s', async (charset) => {
    const found = await refused(UTF8, { 'content-type': `application/json; charset=${charset}` });
    expect(found).toMatchObject({ status: 415, error_type: 'unsupported_media_type' });
    expect(found.error).toMatch(/^The charset \S{3,41} is not known here\. Send the body in UTF-8\.$/);
  });

  it.each<[string, Uint8Array, string]>([
    ['no UTF-8', LATIN1, ''],
    ['no UTF-8, declared', LATIN1, '; charset=utf-8'],
    ['cut in the middle of a character', Uint8Array.from([...UTF8, 0xc3]), ''],
    ['a surrogate in UTF-8', Uint8Array.from([...UTF8, 0xed, 0xa0, 0x80]), ''],
    ['half a unit of UTF-16', utf16(JSON_TEXT, true).subarray(1), '; charset=utf-16le'],
    ['no GBK', Uint8Array.from([...UTF8, 0xff]), '; charset=gbk'],
  ])('that the bytes do not have is a 400: %s', async (_, body, charset) => {
    for (const [sent, headers] of [
      [body, {}],
      [body, { 'content-length': `${body.length}` }],
      [await gzip(body), { 'content-encoding': 'gzip' }],
    ] as const) {
      const found = await refused(sent, { 'content-type': `application/json${charset}`, ...headers });
      expect(found).toMatchObject({ status: 400, error_type: 'invalid_json' });
      expect(found.error).toMatch(
        /^The body is not valid (UTF-8|UTF-16LE|GBK)\. Send it in UTF-8, or name its charset in the header "content-type"\.$/,
      );
    }
  });
});
