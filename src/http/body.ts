/** Reads the body of a request against its form, before a route's handler sees it. */
import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type * as v from 'valibot';

import { MAX_BODY_BYTES } from '../limits.ts';
import { refuse } from './refuse.ts';
import { parseBody, type RequestForm } from './request.ts';

export const limitBody = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: (c) => refuse(c, { reason: 'body_too_large', limit: MAX_BODY_BYTES }),
});

/** What a client sends, and what a handler gets by `c.req.valid('json')`. */
interface Validated<S extends v.GenericSchema> {
  in: { json: v.InferInput<S> };
  out: { json: v.InferOutput<S> };
}

export function body<S extends v.GenericSchema>(form: RequestForm<S>) {
  const readBody: MiddlewareHandler<object, string, Validated<S>> = async function readBody(c, next) {
    const type = c.req.header('content-type');
    if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type ?? '')) {
      return refuse(c, { reason: 'unsupported_media_type', received: type ?? 'not given' });
    }
    const parsed = parseBody(form, await c.req.text());
    if (!parsed.ok) return refuse(c, parsed.error);
    c.req.addValidatedData('json', parsed.value as object);
    return next();
  };
  return readBody;
}
