/** Requests as a careless or a hostile client sends them: near what is valid, and far from it. */
import * as fc from 'fast-check';

export interface Sent {
  readonly path: string;
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Chunks of the body. */
  readonly chunks: readonly Uint8Array[];
}

/** Characters that parsers and tokenizers treat in ways of their own. */
const CHARACTERS = Array.from('aZ0 ,.!"\\/{}[]&=%+#\n\t\0\u0001\u00e9\u0301漢가ﷺ😀\ud800\udc00\ufeff\u2028İ_');
const word = fc.string({ unit: fc.constantFrom(...CHARACTERS), maxLength: 8 });
const text = fc
  .array(fc.oneof(word, fc.constantFrom('[MASK]', '<mask>', 'i', 'love', ' ', '[SEP]')), { maxLength: 6 })
  .map((parts) => parts.join(' '));
const long = fc.tuple(word, fc.constantFrom(500, 5_000, 40_000)).map(([part, times]) => `${part.repeat(times)} [MASK]`);
const anyText = fc.oneof({ weight: 12, arbitrary: text }, { weight: 1, arbitrary: long });

const LITERALS = [null, true, -1, 0, 1.5, 1e308, '', '1', 'null', [], {}, [[]], { length: 1 }];
const odd = fc.oneof(fc.constantFrom<unknown>(...LITERALS), fc.jsonValue({ maxDepth: 2 }), text);
/** A value of the right kind, most of the time. */
const nearly = (right: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 8, arbitrary: right }, { weight: 1, arbitrary: odd });

const PARAMETERS = {
  top_k: nearly(fc.integer({ min: 0, max: 101 })),
  targets: nearly(fc.oneof(word, fc.array(word, { maxLength: 4 }))),
  strategy: nearly(fc.constantFrom('independent', 'joint')),
  num_beams: nearly(fc.integer({ min: 1, max: 9 })),
  return_offsets: nearly(fc.boolean()),
  truncation: nearly(fc.boolean()),
};
const fill = fc.record(
  {
    inputs: nearly(fc.oneof(anyText, fc.array(nearly(anyText), { maxLength: 40 }))),
    model: nearly(fc.constantFrom('small', 'nobody', null)),
    parameters: nearly(fc.record(PARAMETERS, { requiredKeys: [] })),
    options: odd,
    ['__proto__']: odd,
    constructor: odd,
    top_k: odd,
  },
  { requiredKeys: ['inputs'] },
);
const score = fc.record(
  { inputs: nearly(text), parameters: nearly(fc.record({ metric: nearly(fc.constantFrom('original')) })) },
  { requiredKeys: [] },
);
const pair = fc.record({ text: nearly(text), text_pair: nearly(text) }, { requiredKeys: [] });
const pairs = fc.record({ inputs: nearly(fc.oneof(pair, fc.array(nearly(pair), { maxLength: 40 }))) });

/** What `JSON.stringify` makes of no value. */
const RAW = [
  '',
  '{',
  '{"inputs": "i [MASK]"}x',
  '{"inputs": "i [MASK]", "inputs": 1}',
  '{"inputs": "\\ud800 [MASK]"}',
  '{"inputs": "i [MASK]", "parameters": {"top_k": 1e999}}',
  '{"inputs": "i [MASK]", "parameters": {"__proto__": {"top_k": 1}}}',
  'inputs=i+[MASK]',
  'NaN',
];
const deep = fc
  .tuple(fc.constantFrom(['[', ']'], ['{"inputs":', '}'], ['{"parameters":', '}']), fc.constantFrom(10, 5_000, 100_000))
  .map(([[open = '', close = ''], depth]) => `${open.repeat(depth)}1${close.repeat(depth)}`);
const json = fc.oneof(
  { weight: 8, arbitrary: fc.oneof(fill, score, pairs).map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.jsonValue().map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.constantFrom(...RAW) },
  { weight: 1, arbitrary: deep },
);

/** A text in the bytes of an encoding that a client may use, cut or changed at a place. */
const bytes = fc
  .tuple(json, fc.constantFrom('utf8', 'utf16le', 'latin1'), fc.option(fc.tuple(fc.nat(), fc.nat(255)), { freq: 4 }))
  .map(([sent, encoding, change]) => {
    const all = new Uint8Array(Buffer.from(sent, encoding as BufferEncoding));
    const [at, value] = change ?? [0, 0];
    if (change && all.length > 0) all[at % all.length] = value;
    return all;
  });
const chunks = fc.tuple(bytes, fc.array(fc.nat(600_000), { maxLength: 5 })).map(([all, cuts]) => {
  const places = [0, ...cuts.map((cut) => cut % (all.length + 1)).toSorted((a, b) => a - b), all.length];
  return places.slice(1).map((end, i) => all.slice(places[i], end));
});

const CONTENT_TYPES = [
  'application/json',
  'application/json; charset=utf-16le',
  'application/json;charset="latin1"',
  'text/plain; charset=nothing',
  'multipart/form-data; boundary=x',
  'application/x-www-form-urlencoded',
  ';;;charset=',
  '',
];
const latin = fc.string({
  unit: fc.integer({ min: 32, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 30,
});
const value = (...known: readonly string[]) =>
  fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...known) }, { weight: 1, arbitrary: latin });
const HEADERS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  'content-type': value(...CONTENT_TYPES),
  'content-encoding': value('identity', 'gzip', 'deflate', 'br', 'gzip, gzip', 'GZIP '),
  'content-length': value('0', '5', '16384', '99999999', '-1', '1e3', '0x10', 'NaN', '1, 1', '9'.repeat(400)),
  'if-none-match': value('*', 'W/"a"', '"', '"a", W/"b"', '"a",'.repeat(2_000)),
  authorization: value('Bearer', 'Bearer a b', 'Basic YTpi', 'bearer 0123456789abcdef', `Bearer ${'a'.repeat(9_000)}`),
  accept: value('*/*', 'text/html', 'application/json;q=0', 'q'),
  'accept-encoding': value('gzip', 'identity;q=0'),
  'cache-control': value('no-store', 'no-cache', 'max-age=x', 'NO-STORE,no-cache'),
  'x-use-cache': value('false', 'true', '0'),
  'x-request-id': value('abc', '"', 'a'.repeat(300), '../../x', '<script>'),
  origin: value('https://a.example', 'null', '*'),
  'access-control-request-method': value('POST', 'nothing'),
  'access-control-request-headers': value('authorization', ',,,', 'a:b'),
  'cf-connecting-ip': value('::1', '192.0.2.1', 'x', '::ffff:1.2.3.4', '1'.repeat(99)),
  range: value('bytes=0-1'),
};
const headers = (...always: readonly string[]) =>
  fc.record(HEADERS, { requiredKeys: [...always] }).map((given) => Object.entries(given));

const POST_PATHS = ['/', '/fill-mask', '/score', '/sentence-order', '/next-sentence', '/tokenize'] as const;
const path = fc
  .tuple(fc.constantFrom('', '', '/models/small', '/models/nobody', '/models/%ff'), fc.constantFrom(...POST_PATHS))
  .map(([prefix, route]) => prefix + route);

/** A body, on a route that takes one. */
export const posts: fc.Arbitrary<Sent> = fc.record({
  path,
  method: fc.constant('POST'),
  headers: fc.oneof(
    { weight: 3, arbitrary: fc.constant([['content-type', 'application/json'] as const]) },
    { weight: 1, arbitrary: headers() },
  ),
  chunks,
});

const NAMES = ['inputs', 'inputs[]', 'inputs[0]', 'inputs[1]', 'targets', 'targets[]', 'model', 'parameters'];
const raw = fc.oneof(
  fc.constantFrom('%', '%ff', '%00', '%ED%A0%80', '+', '&', '&&', '=', '?', '#', 'inputs', 'inputs=[MASK]&'),
  anyText.map((one) => encodeURIComponent(one.toWellFormed())),
);
const pairOfQuery = fc
  .tuple(fc.constantFrom(...NAMES, ...Object.keys(PARAMETERS)), fc.oneof(raw, fc.integer().map(String)))
  .map(([name, given]) => `${name}=${given}`);
/** A query, well-formed or not. */
export const queries: fc.Arbitrary<Sent> = fc.record({
  path: fc
    .array(fc.oneof({ weight: 5, arbitrary: pairOfQuery }, { weight: 1, arbitrary: raw }), { maxLength: 6 })
    .map((parts) => `/fill-mask?${parts.join('&')}`),
  method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD'),
  headers: fc.oneof(fc.constant([]), headers()),
  chunks: fc.constant([]),
});

/** Any method on any path, with any headers. */
export const visits: fc.Arbitrary<Sent> = fc.record({
  path: fc.oneof(
    fc.constantFrom(
      '/health',
      '/ready',
      '/info',
      '/models',
      '/metrics',
      '/fill-mask?inputs=i+[MASK]',
      '/nothing',
      '//',
      '/%',
    ),
    path,
    fc.webPath(),
  ),
  method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'get', 'FOO'),
  headers: headers(),
  chunks: fc.oneof(fc.constant([]), chunks),
});

/** A question that a query can hold too. */
export const questions = fc.record({
  inputs: fc.oneof(text, fc.array(text, { minLength: 2, maxLength: 3 })).filter((one) => one !== ''),
  parameters: fc.record(
    {
      top_k: fc.integer({ min: -1, max: 102 }),
      targets: fc.array(word, { minLength: 1, maxLength: 3 }),
      strategy: fc.constantFrom('independent', 'joint', 'both'),
      num_beams: fc.integer({ min: 0, max: 9 }),
      return_offsets: fc.boolean(),
      truncation: fc.boolean(),
    },
    { requiredKeys: [] },
  ),
});
export type Asked = typeof questions extends fc.Arbitrary<infer Value> ? Value : never;
