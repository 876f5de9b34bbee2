/** The routes, and only the routes. */
import type { Context, TypedResponse } from 'hono';
import { Hono } from 'hono/tiny';
import { every } from 'hono/combine';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { requestId } from 'hono/request-id';
import type * as v from 'valibot';

import { onEvent } from './concurrency/events.ts';
import { ByteBudget } from './concurrency/byte-budget.ts';
import type { RequestError } from './errors.ts';
import { hasKeys, requireKey } from './http/authorize.ts';
import { nothingAt, pathInside, requireBasePath } from './http/base-path.ts';
import { ANSWER_CACHE_CONTROL, PRIVATE_CACHE_CONTROL, setCaching } from './http/caching.ts';
import { entityTag, etagMatches } from './http/entity-tag.ts';
import { createIsolate, maxWorkOf } from './http/context.ts';
import { crossOrigin } from './http/cors.ts';
import { respondError, respondFault, respondNotReady } from './http/errors.ts';
import { infoOf } from './http/info.ts';
import { createMetrics } from './http/metrics.ts';
import { modelInPath, modelOf } from './http/models.ts';
import { observe } from './http/observe.ts';
import { findAsset, readAsset, respondDocs, respondPage } from './http/page.ts';
import { parseQuery, type RequestForm } from './http/parse-request.ts';
import { limitRate, limitRefusals, reserveTokens, settleDebts } from './http/rate-limit.ts';
import { debitAnswer, JSON_TYPE, keptBytes, keptTokens, respondJson } from './http/respond-json.ts';
import { checkSettings, settingsOf } from './http/settings.ts';
import { type LazyJson, lazyLists, resolveJson } from './http/stream-json.ts';
import {
  FILL_MASK,
  SCORE,
  SENTENCES,
  TOKENIZE,
  toFillMaskQuestion,
  toScoreQuestion,
  toSentenceQuestion,
  toTexts,
} from './http/to-question.ts';
import { validateBody } from './http/validate-body.ts';
import { VERSION_HEADER } from './http/version-header.ts';
import type { Worker } from './http/worker.ts';
import type { BackendKind } from './inference/backend.ts';
import { HELD_LEASE_MS, MAX_GET_ANSWER_BYTES, MAX_HELD_BYTES, STREAM_PART_BYTES } from './limits.ts';
import { fillMask } from './pipelines/fill-mask.ts';
import { score } from './pipelines/score.ts';
import { classifyPairs, type PairLabel } from './pipelines/sentence.ts';
import { tokenize } from './pipelines/tokenize.ts';
import { ok, type Result } from './result.ts';
import type { FillMaskResponse } from './schemas/fill-mask.ts';
import type { FillMaskQuestion } from './schemas/questions.ts';
import type { ScoreResponse } from './schemas/score.ts';
import type { SentenceHead, SentenceRequest } from './schemas/sentence.ts';
import type { Health, Info, Models, Ready } from './schemas/service.ts';
import type { TokenizeResponse } from './schemas/tokenize.ts';

/** The type of the application, for Hono's typed client: `hc<App>(url)`. */
export type App = ReturnType<typeof createApp>;

/**
 * The application for one backend. It holds what an isolate keeps between requests.
 *
 * @example
 * export default createApp(onnxruntime(runtime));
 */
export function createApp(kind: BackendKind) {
  const app = new Hono<Worker>({ getPath: pathInside });
  const isolate = createIsolate(kind);
  const metrics = createMetrics();
  /** Before anything is read or loaded. */
  const limit = limitRate(isolate.budget);
  const protect = every(requireKey, limit);
  onEvent((event) => console.info(event));
  const waiting = new ByteBudget(MAX_HELD_BYTES, HELD_LEASE_MS);
  const validated = <S extends v.GenericSchema>(form: RequestForm<S>) => validateBody(form, waiting);

  app.use(requestId());
  app.use(observe(metrics.count));
  app.use(async function allowOrigins(c, next) {
    return crossOrigin(checkSettings(c.env).values.ALLOWED_ORIGINS)(c, next);
  });
  app.use(async function setHeaders(c, next) {
    await next();
    c.header('x-content-type-options', 'nosniff');
    setCaching(c);
  });
  app.use(limitRefusals);
  app.use(requireBasePath);
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) =>
        respondError(c, {
          reason: 'method_not_allowed',
          method: c.req.method,
          allowed: [...methods.toSorted(), 'OPTIONS'],
        }),
    }),
  );
  app.notFound(async (c) => (await findAsset(c)) ?? respondError(c, nothingAt(c)));
  app.onError(respondFault);

  /** @param kept bytes that the answer keeps alive, where it may be large */
  async function answer<T>(c: Context<Worker>, json: LazyJson, kept = 0): Promise<TypedResponse<T, 200, 'json'>> {
    const settled = await settleDebts(c);
    // To the typed client an error, bytes and a stream are the same answer.
    const response = settled.ok ? respondJson(c, json, kept, waiting) : respondError(c, settled.error);
    return response as unknown as TypedResponse<T, 200, 'json'>;
  }
  /** As in the Hugging Face task: one mask answers a list of candidates, several masks a list of such lists. */
  async function answerMasks(
    c: Context<Worker>,
    question: FillMaskQuestion,
  ): Promise<Result<{ json: LazyJson; kept: number }, RequestError>> {
    const found = await isolate.run(c, (context) => fillMask(question, context));
    if (!found.ok) return found;
    const answers = found.value.map(({ lists }) => (lists.length === 1 ? (lists[0] ?? []) : lists));
    const bytes = found.value.reduce((sum, text) => sum + text.bytes, 0);
    return ok({ json: inShapeOf(question, answers), kept: keptBytes(question.texts, bytes) });
  }
  const answerPost = async (c: Context<Worker>, question: FillMaskQuestion) => {
    const found = await answerMasks(c, question);
    if (!found.ok) return respondError(c, found.error);
    return answer<FillMaskResponse>(c, found.value.json, found.value.kept);
  };
  const answerPairs = async <Head extends SentenceHead>(c: Context<Worker>, head: Head, sent: SentenceRequest) => {
    const question = toSentenceQuestion(head, sent);
    const found = await isolate.run(c, (context) => classifyPairs(question, context));
    if (!found.ok) return respondError(c, found.error);
    return answer<PairLabel<Head> | PairLabel<Head>[]>(c, () => inShapeOf(question, found.value));
  };

  const ofModel = new Hono<Worker>()
    .post('/', protect, validated(FILL_MASK), (c) => answerPost(c, toFillMaskQuestion(c.req.valid('json'))))
    .post('/fill-mask', protect, validated(FILL_MASK), (c) => answerPost(c, toFillMaskQuestion(c.req.valid('json'))))
    .get('/fill-mask', protect, async (c) => {
      const asked = parseQuery(new URL(c.req.url).search);
      if (!asked.ok) return respondError(c, asked.error);
      const reserved = await reserveTokens(c, c.req.url.length);
      if (!reserved.ok) return respondError(c, reserved.error);
      const found = await answerMasks(c, toFillMaskQuestion(asked.value, MAX_GET_ANSWER_BYTES));
      if (!found.ok) return respondError(c, found.error);
      const settled = await settleDebts(c);
      if (!settled.ok) return respondError(c, settled.error);
      const json = JSON.stringify(resolveJson(found.value.json));
      const { length } = new TextEncoder().encode(json);
      debitAnswer(c, length);
      const tag = await entityTag(json);
      const isKnown = etagMatches(c.req.header('if-none-match'), tag);
      // A large answer is written again, part by part. Nobody reads that of HEAD.
      const isStreamed = length >= STREAM_PART_BYTES && !isKnown && c.req.method === 'GET';
      const streamed = isStreamed ? respondJson(c, found.value.json, found.value.kept, waiting) : undefined;
      if (streamed?.ok === false) return streamed;
      c.header('etag', tag);
      c.header('cache-control', hasKeys(c) ? PRIVATE_CACHE_CONTROL : ANSWER_CACHE_CONTROL);
      if (isKnown) return c.body(null, 304);
      return streamed ?? c.body(json, 200, JSON_TYPE);
    })
    .post('/score', protect, validated(SCORE), async (c) => {
      const question = toScoreQuestion(c.req.valid('json'));
      const found = await isolate.run(c, (context) => score(question, context));
      if (!found.ok) return respondError(c, found.error);
      const answers = found.value.map(lazyLists);
      return answer<ScoreResponse>(c, inShapeOf(question, answers), keptTokens(question.texts, found.value));
    })
    .post('/sentence-order', protect, validated(SENTENCES), (c) => answerPairs(c, 'sop', c.req.valid('json')))
    .post('/next-sentence', protect, validated(SENTENCES), (c) => answerPairs(c, 'nsp', c.req.valid('json')))
    .post('/tokenize', protect, validated(TOKENIZE), async (c) => {
      const question = toTexts(c.req.valid('json').inputs);
      const found = await tokenize(question, isolate.loads(c));
      if (!found.ok) return respondError(c, found.error);
      const answers = found.value.map(lazyLists);
      return answer<TokenizeResponse>(c, inShapeOf(question, answers), keptTokens(question.texts, found.value));
    })
    .get('/health', (c) => c.json<Health>({ status: 'ok', model: modelOf(c) }))
    .get('/ready', limit, async (c) => {
      try {
        settingsOf(c.env);
        await isolate.checkReady(c);
      } catch (error) {
        return respondNotReady(error, c);
      }
      if (c.env.VERSION) c.header(VERSION_HEADER, c.env.VERSION.id);
      return c.json<Ready, 200>({ status: 'ready', model: modelOf(c) }, 200);
    })
    .get('/info', limit, async (c) =>
      c.json<Info, 200>(infoOf(await isolate.loads(c).readManifest(), kind, maxWorkOf(c)), 200),
    );
  app.use('/models/:model/*', modelInPath);
  // Each model has all routes of its own, and the default one has them without a prefix too.
  const routes = app
    .route('/', ofModel)
    .route('/models/:model', ofModel)
    .get('/models', limit, async (c) => c.json<Models, 200>(await isolate.describeModels(c), 200))
    .get('/metrics', requireKey, (c) => c.text(metrics.text(), 200, METRICS_TYPE));
  // The page and the API documentation. The files that they load are served without the worker, unless BASE_PATH is set.
  app.get('/', respondPage);
  app.get('/docs', respondDocs);
  app.get('/openapi.json', (c) => readAsset(c, '/openapi.json'));
  return routes;
}

const METRICS_TYPE = { 'content-type': 'text/plain; version=0.0.4' };

/** A list of texts answers a list. */
function inShapeOf<T>({ isList }: { readonly isList: boolean }, answers: T[]): T | T[] {
  return isList ? answers : (answers[0] as T);
}
