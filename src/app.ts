/** Routes and middleware; the one file that reads bindings. */
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';

import { DataCentre } from './cache/data-centre.ts';
import { createMemories } from './cache/memories.ts';
import type { Access } from './cache/memory.ts';
import { fillMask, type Predictions, type Question } from './fill-mask.ts';
import { cacheHeaders } from './http/cache-status.ts';
import { ANSWER_CACHE_CONTROL, entityTag, ERROR_CACHE_CONTROL, matches } from './http/conditional.ts';
import { crossOrigin } from './http/cors.ts';
import { describeRefusal, type Refusal } from './http/refusal.ts';
import { parseQuery, parseQuestion } from './http/request.ts';
import { serverTiming } from './http/server-timing.ts';
import type { BackendKind } from './inference/backend.ts';
import {
  DEFAULT_TOP_K,
  MAX_BODY_BYTES,
  MAX_MASKS_PER_TEXT,
  MAX_TARGETS,
  MAX_TEXT_LENGTH,
  MAX_TEXTS,
  MAX_TOP_K,
} from './limits.ts';
import { ConfigurationError, type DeployedModel, deployedModel } from './model/deployed-model.ts';
import { ModelObjectError } from './model/source.ts';
import { fail, ok, type Result } from './result.ts';

interface Worker {
  Bindings: Env;
}

/**
 * The application for one kind of backend. What an isolate keeps between requests lives in it.
 *
 * @example
 * export default createApp(onnxruntime(runtime));
 */
export function createApp(kind: BackendKind): Hono<Worker> {
  const app = new Hono<Worker>();
  const memories = createMemories();
  let selected: { readonly name: string; readonly model: DeployedModel } | undefined;

  function model({ env }: Context<Worker>): DeployedModel {
    if (selected?.name !== env.MODEL) selected = { name: env.MODEL, model: deployedModel(env.MODEL, kind) };
    return selected.model;
  }

  app.use(async function allowOrigins(c, next) {
    return crossOrigin(c.env.ALLOWED_ORIGINS)(c, next);
  });
  app.use(async function sayHowLong(c, next) {
    await next();
    if (c.res.headers.has('cache-control')) return;
    const isRefused = c.req.method === 'GET' && c.res.status >= 400 && c.res.status < 500;
    c.header('cache-control', isRefused ? ERROR_CACHE_CONTROL : 'no-store');
  });

  /** @returns the answer, in the shape of the question, or the refusal; headers say how it came about */
  async function answer(c: Context<Worker>, question: Question): Promise<Result<string, Response>> {
    const access = accessOf(c);
    const found = await fillMask(question, {
      model: c.env.MODEL,
      numerics: kind.numerics,
      load: () => outlive(c, model(c).load(c.env.MODELS)),
      memories,
      access: access ?? { ...NO_ACCESS, outlive: (work) => void outlive(c, work) },
    });
    if (!found.ok) return fail(refuse(c, found.error));
    const { work, remembered, predictions } = found.value;
    c.header('server-timing', serverTiming(work));
    for (const [name, value] of Object.entries(cacheHeaders(remembered, access))) c.header(name, value);
    return ok(JSON.stringify(inShapeOf(question, predictions)));
  }

  for (const path of ['/', '/fill-mask']) {
    app.post(path, requireJson, limitBody, async (c) => {
      const question = parseQuestion(await c.req.text());
      if (!question.ok) return refuse(c, question.error);
      const json = await answer(c, question.value);
      return json.ok ? c.body(json.value, 200, JSON_TYPE) : json.error;
    });
  }
  app.get('/fill-mask', async (c) => {
    const question = parseQuery(new URL(c.req.url).searchParams);
    if (!question.ok) return refuse(c, question.error);
    const json = await answer(c, question.value);
    if (!json.ok) return json.error;
    const tag = await entityTag(json.value);
    c.header('etag', tag);
    c.header('cache-control', ANSWER_CACHE_CONTROL);
    return matches(c.req.header('if-none-match'), tag) ? c.body(null, 304) : c.body(json.value, 200, JSON_TYPE);
  });
  app.all('/', (c) => refuse(c, { reason: 'method_not_allowed', method: c.req.method, allowed: ['POST'] }));
  app.all('/fill-mask', (c) =>
    refuse(c, { reason: 'method_not_allowed', method: c.req.method, allowed: ['GET', 'POST'] }),
  );

  app.get('/health', (c) => c.json({ status: 'ok', model: c.env.MODEL }));

  app.get('/info', async (c) => {
    const manifest = await outlive(c, model(c).manifest(c.env.MODELS));
    const { id, revision, architecture, special_tokens, heads, quantization, license, source } = manifest;
    return c.json({
      model: id,
      revision,
      backend: kind.description,
      mask_token: special_tokens.mask.token,
      heads,
      limits: {
        tokens: architecture.max_position_embeddings,
        masks_per_text: MAX_MASKS_PER_TEXT,
        texts: MAX_TEXTS,
        text_length: MAX_TEXT_LENGTH,
        body_bytes: MAX_BODY_BYTES,
        targets: MAX_TARGETS,
        top_k: { default: DEFAULT_TOP_K, max: MAX_TOP_K },
      },
      architecture,
      quantization: quantization[kind.file],
      license,
      source,
    });
  });

  for (const path of ['/health', '/info']) {
    app.all(path, (c) => refuse(c, { reason: 'method_not_allowed', method: c.req.method, allowed: ['GET'] }));
  }
  app.notFound((c) => refuse(c, { reason: 'not_found', path: c.req.path }));
  app.onError((error, c) => {
    if (error instanceof ModelObjectError) {
      console.error(error.message, error.cause ?? '');
      return c.json({ error: error.message, error_type: 'model_unavailable' }, 502);
    }
    if (error instanceof ConfigurationError) return c.json({ error: error.message, error_type: 'misconfigured' }, 500);
    console.error(error);
    return c.json(
      { error: 'Something failed here that should not have: please report it.', error_type: 'internal' },
      500,
    );
  });
  return app;
}

const JSON_TYPE = { 'content-type': 'application/json' };

/** What a request may do with what is remembered: undefined where the deployment remembers nothing. */
function accessOf(c: Context<Worker>): Access | undefined {
  if (c.env.CACHE === 'off') return undefined;
  if (c.env.CACHE !== 'on')
    throw new ConfigurationError(`The variable CACHE is "${c.env.CACHE}": set it to on or off.`);
  const wishes = (c.req.header('cache-control') ?? '').toLowerCase();
  const afresh = /\bno-(?:cache|store)\b/.test(wishes) || c.req.header('x-use-cache') === 'false';
  return {
    read: !afresh,
    write: !/\bno-store\b/.test(wishes),
    dataCentre: new DataCentre(caches.default),
    outlive: (work) => void outlive(c, work),
  };
}

const NO_ACCESS = { read: false, write: false, dataCentre: undefined };

/** Others may be waiting for the same read: it goes on when the one who began it goes away. */
function outlive<T>(c: Context<Worker>, shared: Promise<T>): Promise<T> {
  c.executionCtx.waitUntil(shared.catch(() => undefined));
  return shared;
}

const requireJson: MiddlewareHandler<Worker> = async function requireJson(c, next) {
  const type = c.req.header('content-type');
  if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type ?? '')) {
    return refuse(c, { reason: 'unsupported_media_type', received: type ?? 'not given' });
  }
  return next();
};

const limitBody = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: (c) => refuse(c, { reason: 'body_too_large', limit: MAX_BODY_BYTES }),
});

function refuse(c: Context, refusal: Refusal): Response {
  if (refusal.reason === 'method_not_allowed') c.header('allow', [...refusal.allowed, 'OPTIONS'].join(', '));
  const { status, error } = describeRefusal(refusal);
  return c.json({ error, error_type: refusal.reason }, status);
}

/**
 * As the Hugging Face task has it: a text with one mask answers a list of candidates, with several a list for each; a
 * list of texts answers a list of such answers.
 */
function inShapeOf({ isList }: Question, predictions: Predictions) {
  const answers = predictions.map((ofText) => (ofText.length === 1 ? ofText[0] : ofText));
  return isList ? answers : answers[0];
}
