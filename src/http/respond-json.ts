/** An answer as a response: a small one at once, and a larger one in parts, as its reader takes them. */
import type { Context } from 'hono';

import { type ByteBudget, nothingHeld } from '../concurrency/byte-budget.ts';
import { CANDIDATE_BYTES, STREAM_PART_BYTES, WORK_OF } from '../limits.ts';
import { MAX_ESCAPED_BYTES } from '../pipelines/check-texts.ts';
import { respondError } from './errors.ts';
import { type LazyJson, writeJson } from './stream-json.ts';
import type { Streamed, Worker } from './worker.ts';

export const JSON_TYPE = { 'content-type': 'application/json' };

/**
 * What a stream keeps alive: the texts of the request, what the answer is made of, the piece that is being written, and a part here
 * and at the runtime, beside the one that is made next.
 * @param answer bytes that it is made of, beside the texts
 */
export function keptBytes(texts: readonly string[], answer: number): number {
  let [all, longest] = [0, 0];
  for (const { length } of texts) {
    all += length;
    longest = Math.max(longest, length);
  }
  return 2 * all + answer + MAX_ESCAPED_BYTES * longest + 3 * STREAM_PART_BYTES;
}

/** The same for an answer of tokens. */
export const keptTokens = (texts: readonly string[], answers: readonly { readonly tokens: readonly unknown[] }[]) =>
  keptBytes(texts, CANDIDATE_BYTES * answers.reduce((sum, { tokens }) => sum + tokens.length, 0));

/**
 * @param kept bytes that the answer keeps alive, if it is streamed
 * @param budget of the bytes that all requests hold while they wait for their clients
 * @returns 429 if the others leave too little
 */
export function respondJson(c: Context<Worker>, value: LazyJson, kept: number, budget: ByteBudget) {
  const held = nothingHeld();
  const stream: Streamed = {};
  const body = writeJson(value, {
    hold: () => budget.hold(held, kept),
    made: (bytes) => debitAnswer(c, bytes),
    end(ending, error) {
      budget.release(held);
      if (error instanceof Error) {
        console.error({
          request_id: c.get('requestId'),
          error_type: 'internal',
          message: error.message,
          stack: error.stack,
        });
      }
      stream.ending = ending;
      stream.onEnd?.(ending);
    },
  });
  if (!body) return respondError(c, { reason: 'overloaded', retry_after_s: 1 });
  if (body instanceof ReadableStream) c.set('stream', stream);
  return c.body(body, 200, JSON_TYPE);
}

export const debitAnswer = (c: Context<Worker>, bytes: number) => c.get('payer')?.debit(bytes * WORK_OF.answeredByte);
