/** Routes and middleware; the one file that reads bindings. */
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';

import { fillMask, type Predictions, type Question } from './fill-mask.ts';
import { crossOrigin } from './http/cors.ts';
import { describeRefusal, type Refusal } from './http/refusal.ts';
import { parseQuestion } from './http/request.ts';
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
  let selected: { readonly name: string; readonly model: DeployedModel } | undefined;

  function model({ env }: Context<Worker>): DeployedModel {
    if (selected?.name !== env.MODEL) selected = { name: env.MODEL, model: deployedModel(env.MODEL, kind) };
    return selected.model;
  }

  app.use(async function allowOrigins(c, next) {
    return crossOrigin(c.env.ALLOWED_ORIGINS)(c, next);
  });
  app.use(async function storeNothing(c, next) {
    await next();
    c.header('cache-control', 'no-store');
  });

  for (const path of ['/', '/fill-mask']) {
    app.post(path, requireJson, limitBody, async (c) => {
      const question = parseQuestion(await c.req.text());
      if (!question.ok) return refuse(c, question.error);
      const answer = await fillMask(question.value, () => outlive(c, model(c).load(c.env.MODELS)));
      if (!answer.ok) return refuse(c, answer.error);
      c.header('server-timing', serverTiming(answer.value.work));
      return c.json(inShapeOf(question.value, answer.value.predictions));
    });
    app.all(path, (c) => refuse(c, { reason: 'method_not_allowed', method: c.req.method, allowed: ['POST'] }));
  }

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
