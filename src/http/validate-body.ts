/** Middleware that validates the body of a request before the route's handler runs. */
import type { HonoRequest, MiddlewareHandler } from 'hono';
import type * as v from 'valibot';

import { withTimeout } from '../concurrency/with-timeout.ts';
import { BODY_TIMEOUT_MS, MAX_BODY_BYTES } from '../limits.ts';
import { fail, ok, type Result } from '../result.ts';
import type { HttpError } from './describe-error.ts';
import { respondError } from './errors.ts';
import { chooseModel } from './models.ts';
import { parseBody, type RequestForm } from './parse-request.ts';
import type { Worker } from './worker.ts';

/** What a client sends, and what a handler gets from `c.req.valid('json')`. */
interface Validated<S extends v.GenericSchema> {
  in: { json: v.InferInput<S> };
  out: { json: v.InferOutput<S> };
}

export function validateBody<S extends v.GenericSchema>(form: RequestForm<S>) {
  const validate: MiddlewareHandler<Worker, string, Validated<S>> = async function validate(c, next) {
    // A body without a type is taken for JSON.
    const type = c.req.header('content-type') ?? 'application/json';
    if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type)) {
      return respondError(c, { reason: 'unsupported_media_type', received: type });
    }
    const read = await withTimeout(BODY_TIMEOUT_MS, readText(c.req));
    if (!read) return respondError(c, { reason: 'body_timeout', limit_ms: BODY_TIMEOUT_MS });
    const text = read.value;
    if (!text.ok) return respondError(c, text.error);
    const parsed = parseBody(form, text.value);
    if (!parsed.ok) return respondError(c, parsed.error);
    const error = chooseModel(c, (parsed.value as { readonly model?: string | null }).model);
    if (error) return respondError(c, error);
    c.req.addValidatedData('json', parsed.value as object);
    return next();
  };
  return validate;
}

/** Decodes `Content-Encoding` (RFC 9110, 8.4), with the size limit on the bytes as they arrive and as they are decoded. */
async function readText(request: HonoRequest): Promise<Result<string, HttpError>> {
  const encoding = (request.header('content-encoding') ?? 'identity').trim().toLowerCase();
  if (encoding !== 'identity' && encoding !== 'gzip' && encoding !== 'deflate') {
    return fail({ reason: 'unsupported_content_encoding', received: encoding });
  }
  const declared = request.header('content-length');
  if (Number(declared) > MAX_BODY_BYTES) return fail({ reason: 'body_too_large', limit: MAX_BODY_BYTES });
  try {
    // The runtime holds a body to its declared length.
    if (encoding === 'identity' && declared !== undefined) return ok(await request.text());
    const { body } = request.raw;
    const decoded = encoding === 'identity' ? body : body?.pipeThrough(new DecompressionStream(encoding));
    const decoder = new TextDecoder();
    let text = '';
    let bytes = 0;
    for await (const chunk of decoded ?? []) {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) return fail({ reason: 'body_too_large', limit: MAX_BODY_BYTES });
      text += decoder.decode(chunk, { stream: true });
    }
    return ok(text + decoder.decode());
  } catch {
    const message =
      encoding === 'identity'
        ? 'The body broke off. Send it again.'
        : `The body is not valid ${encoding}, which its content-encoding says. Send it encoded so, or without the header.`;
    return fail({ reason: 'invalid_json', message });
  }
}
