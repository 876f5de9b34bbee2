/**
 * What one caller can make an isolate pay: requests that are cheap to send, beside honest callers. Each shape has an isolate of its
 * own, with the rate limits of wrangler.toml.
 */
import { connect } from 'node:net';

import { ISOLATE_BYTES } from '../../src/limits.ts';
import { ask, type Bundle, type Isolate, type Reply, serve } from './isolate.ts';

const CONNECTIONS = 32;
/** An honest caller asks again after this time. */
const HONEST_PAUSE_MS = 50;
/** Addresses that are reserved for documentation (RFC 5737). */
const ATTACKER = '192.0.2.1';
const HONEST = ['198.51.100.1', '198.51.100.2', '203.0.113.1'];

/** The longest text that may be truncated, less its mask. */
const LONG = 32_700;

export interface Shape {
  readonly name: string;
  /** The request of connection `i`, as it is sent. */
  readonly request: (i: number) => Buffer;
  /** Whether the client stays connected and reads nothing. */
  readonly holds?: boolean;
  readonly connections?: number;
  /** The isolate serves further models. */
  readonly models?: boolean;
  /** Another worker is in front, which can hold an answer and read nothing. */
  readonly front?: boolean;
}

const head = (path: string, lines: readonly string[], method = 'POST') =>
  `${method} ${path} HTTP/1.1\r\nhost: edge\r\nx-address: ${ATTACKER}\r\nconnection: close\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

export function post(path: string, body: Uint8Array, ...lines: readonly string[]): Buffer {
  const length = `content-length: ${body.length}`;
  return Buffer.concat([Buffer.from(head(path, ['content-type: application/json', length, ...lines])), body]);
}

export const json = (question: object): Buffer => Buffer.from(JSON.stringify(question));

/** A list of five texts, which nearly fill the body. */
const growing = (character: string, i: number): Buffer =>
  post(
    '/fill-mask',
    json({
      inputs: Array.from({ length: 5 }, (_, t) => `${i}${t} ${character.repeat(LONG / character.length)} [MASK]`),
      parameters: { truncation: true },
    }),
    'cache-control: no-store',
  );

export const SHAPES: readonly Shape[] = [
  {
    name: 'bodies in chunks of one byte',
    request: () =>
      Buffer.from(
        head('/fill-mask', ['content-type: application/json', 'transfer-encoding: chunked']) +
          '1\r\na\r\n'.repeat(500_000) +
          '0\r\n\r\n',
      ),
  },
  {
    name: 'deflate blocks without content',
    request: () =>
      post(
        '/fill-mask',
        // Stored blocks of no bytes (RFC 1951, 3.2.4).
        Buffer.concat([Buffer.from([0x78, 0x01]), Buffer.alloc(500_000, Buffer.from([0, 0, 0, 0xff, 0xff]))]),
        'content-encoding: deflate',
      ),
  },
  {
    name: 'readers that stall',
    // Each control character is six bytes in JSON, and no more candidates are allowed.
    request: () =>
      post(
        '/stall?n=1',
        json({ inputs: `${'\u0001'.repeat(LONG)} [MASK]`, parameters: { top_k: 20, truncation: true } }),
      ),
    front: true,
  },
  {
    name: 'bodies that stall one byte before their end',
    request: () => {
      const whole = post('/fill-mask', json({ inputs: `${'a'.repeat(500_000)} [MASK]` }));
      return whole.subarray(0, -1);
    },
    holds: true,
    connections: 150,
  },
  { name: 'texts that grow when they are normalized', request: (i) => growing('\ufdfa', i) },
  { name: 'punctuation without blanks', request: (i) => growing('.,!', i) },
  {
    name: '/ready of one model after the other',
    request: (i) => Buffer.from(head(`/models/other-${i % 8}/ready`, [], 'GET')),
    models: true,
  },
];

/** @returns the status, 0 without a response */
export function send({ hostname, port }: URL, bytes: Buffer, holds: boolean, stop: AbortSignal): Promise<number> {
  return new Promise((resolve) => {
    let received = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    const leave = () => socket.destroy();
    stop.addEventListener('abort', leave);
    if (holds) socket.pause();
    else socket.on('data', (data) => (received ||= data.toString('latin1', 0, 16)));
    socket.on('error', leave);
    socket.on('close', () => {
      stop.removeEventListener('abort', leave);
      resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(received)?.[1] ?? 0));
    });
  });
}

const QUESTIONS = [
  { inputs: 'I love [MASK] because you are [MASK].' },
  { inputs: 'Paris is the [MASK] of France.', parameters: { top_k: 3 } },
  { inputs: 'He went to [MASK] by train.', parameters: { targets: ['paris', 'new york'] } },
];

interface Abuse {
  readonly name: string;
  readonly found: string;
  readonly holds: boolean;
}

/** Asks as an honest caller does, until `stop`. */
async function honest(isolate: Isolate, address: string, expected: readonly Reply[], stop: AbortSignal) {
  const replies: { ms: number; right: boolean; status: number }[] = [];
  for (let n = 0; !stop.aborted; n++) {
    const q = n % QUESTIONS.length;
    // Every other one is computed anew.
    const headers = { 'x-address': address, ...(n % 2 === 0 && { 'cache-control': 'no-store' }) };
    const { status, body, ms } = await ask(isolate.url, '/fill-mask', {
      body: QUESTIONS[q],
      headers,
      timeout_ms: 20_000,
    });
    replies.push({ ms, status, right: body === expected[q]?.body });
    await new Promise((resolve) => setTimeout(resolve, HONEST_PAUSE_MS));
  }
  return replies;
}

const at = (sorted: readonly number[], share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;

/** @param p99_ms the longest time of an honest request, but for one of a hundred */
export async function abuse(built: Bundle, seconds: number, p99_ms: number): Promise<Abuse[]> {
  const rows: Abuse[] = [];
  for (const { name, request, holds = false, connections = CONNECTIONS, models, front } of SHAPES) {
    const isolate = await serve(models ? { ...built, served: built.others } : built, {
      limits: true,
      front: front ?? false,
    });
    await isolate.put();
    const expected: Reply[] = [];
    for (const body of QUESTIONS) expected.push(await ask(isolate.url, '/fill-mask', { body }));
    const stop = new AbortController();
    const statuses = new Map<number, number>();
    const attackers = Array.from({ length: connections }, async (_, i) => {
      for (let n = i; !stop.signal.aborted; n += connections) {
        const status = await send(new URL(isolate.url), request(n), holds, stop.signal);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    });
    const callers = HONEST.map((address) => honest(isolate, address, expected, stop.signal));
    const end = performance.now() + 1000 * seconds;
    let peak = 0;
    while (performance.now() < end) {
      const { script, wasm } = await isolate.memory();
      peak = Math.max(peak, script + wasm);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
    stop.abort();
    const replies = (await Promise.all(callers)).flat();
    await Promise.all(attackers);
    await isolate.close();
    const times = replies.map(({ ms }) => ms).toSorted((a, b) => a - b);
    const wrong = replies.filter(({ status, right }) => status === 200 && !right).length;
    const refused = replies.filter(({ status }) => status !== 200).length;
    const answered = Array.from(statuses, ([status, count]) => `${count} × ${status}`).join(', ');
    rows.push({
      name: `${connections} connections: ${name}`,
      found: `honest p99 ${at(times, 0.99).toFixed(0)} ms of ${times.length}, ${wrong} wrong, ${refused} refused; peak ${(peak / 1e6).toFixed(0)} MB; abuser ${answered}`,
      holds: wrong === 0 && refused === 0 && peak < ISOLATE_BYTES && at(times, 0.99) <= p99_ms,
    });
  }
  return rows;
}
