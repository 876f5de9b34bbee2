/** Middleware that validates the body of a request before the route's handler runs. */
import type { MiddlewareHandler } from 'hono';
import type * as v from 'valibot';

import { withTimeout } from '../concurrency/with-timeout.ts';
import { type ByteBudget, nothingHeld } from '../concurrency/byte-budget.ts';
import { BODY_TIMEOUT_MS, WORK_OF } from '../limits.ts';
import { respondError } from './errors.ts';
import { chooseModel } from './models.ts';
import { parseBody, type RequestForm } from './parse-request.ts';
import { reserveTokens } from './rate-limit.ts';
import { bodyType, mayBeJson, readBody } from './read-body.ts';
import type { Worker } from './worker.ts';

/** What a client sends, and what a handler gets from `c.req.valid('json')`. */
interface Validated<S extends v.GenericSchema> {
  in: { json: v.InferInput<S> };
  out: { json: v.InferOutput<S> };
}

/** @param budget of the bytes that all requests hold while they wait for their clients */
export function validateBody<S extends v.GenericSchema>(form: RequestForm<S>, budget: ByteBudget) {
  const validate: MiddlewareHandler<Worker, string, Validated<S>> = async function validate(c, next) {
    const header = c.req.header('content-type');
    const type = bodyType(header);
    const held = nothingHeld();
    let most = 0;
    const reading = readBody(c.req, type, (bytes) => {
      most = Math.max(most, bytes);
      return budget.hold(held, bytes);
    });
    const read = await withTimeout(BODY_TIMEOUT_MS, reading);
    budget.release(held);
    // A body that is refused while it arrives was read too.
    const length = read?.value.ok ? read.value.value.length : most;
    c.get('payer')?.debit(length * WORK_OF.bodyCharacter);
    if (!read) return respondError(c, { reason: 'body_timeout', limit_ms: BODY_TIMEOUT_MS });
    const text = read.value;
    if (!text.ok) return respondError(c, text.error);
    const parsed = parseBody(form, text.value);
    if (!parsed.ok) {
      const isOtherType = parsed.error.reason === 'invalid_json' && !mayBeJson(type);
      return respondError(c, isOtherType ? { reason: 'unsupported_media_type', received: header ?? '' } : parsed.error);
    }
    const error = chooseModel(c, (parsed.value as { readonly model?: string | null }).model);
    if (error) return respondError(c, error);
    const reserved = await reserveTokens(c, text.value.length);
    if (!reserved.ok) return respondError(c, reserved.error);
    c.req.addValidatedData('json', parsed.value as object);
    return next();
  };
  return validate;
}
