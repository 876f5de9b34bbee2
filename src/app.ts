/** Routes and middleware; the one file that reads bindings. */
import { type Context, Hono } from 'hono';

import { DataCentre } from './cache/data-centre.ts';
import { createMemories } from './cache/memories.ts';
import type { Access } from './cache/memory.ts';
import { fillMask, type Question } from './fill-mask.ts';
import { body, limitBody } from './http/body.ts';
import { cacheHeaders } from './http/cache-status.ts';
import { ANSWER_CACHE_CONTROL, entityTag, ERROR_CACHE_CONTROL, matches } from './http/conditional.ts';
import { crossOrigin } from './http/cors.ts';
import { infoOf } from './http/info.ts';
import { openApiDocument } from './http/openapi.ts';
import {
  FILL_MASK,
  listed,
  SCORE,
  SENTENCES,
  TOKENIZE,
  toQuestion,
  toScoreQuestion,
  toSentenceQuestion,
} from './http/questions.ts';
import { refuse } from './http/refuse.ts';
import { parseQuery } from './http/request.ts';
import type { FillMaskResponse } from './http/schemas/fill-mask.ts';
import type { ScoreResponse } from './http/schemas/score.ts';
import type { SentenceHead, SentenceRequest } from './http/schemas/sentence.ts';
import type { ErrorResponse, Health, Info } from './http/schemas/service.ts';
import type { TokenizeResponse } from './http/schemas/tokenize.ts';
import { serverTiming } from './http/server-timing.ts';
import type { BackendKind } from './inference/backend.ts';
import { ConfigurationError, type DeployedModel, deployedModel } from './model/deployed-model.ts';
import { ModelObjectError } from './model/source.ts';
import type { Answered, Sources } from './recall.ts';
import { ok, type Result } from './result.ts';
import { score } from './score.ts';
import { judge, type Judged } from './sentence.ts';
import { tokenize } from './tokenize.ts';
import type { Unanswerable } from './unanswerable.ts';

interface Worker {
  Bindings: Env;
}

/** The type of the application, for Hono's typed client: `hc<App>(url)`. */
export type App = ReturnType<typeof createApp>;

/**
 * The application for one kind of backend. What an isolate keeps between requests lives in it.
 *
 * @example
 * export default createApp(onnxruntime(runtime));
 */
export function createApp(kind: BackendKind) {
  const app = new Hono<Worker>();
  const memories = createMemories();
  let selected: { readonly name: string; readonly model: DeployedModel } | undefined;

  function model({ env }: Context<Worker>): DeployedModel {
    if (selected?.name !== env.MODEL) selected = { name: env.MODEL, model: deployedModel(env.MODEL, kind) };
    return selected.model;
  }

  /** Lets a pipeline answer, and says in headers how the answer came about. */
  async function answer<T>(
    c: Context<Worker>,
    pipeline: (sources: Sources) => Promise<Result<Answered<T>, Unanswerable>>,
  ): Promise<Result<T, Unanswerable>> {
    const access = accessOf(c);
    const found = await pipeline({
      model: c.env.MODEL,
      numerics: kind.numerics,
      load: () => outlive(c, model(c).load(c.env.MODELS)),
      memories,
      access: access ?? { ...NO_ACCESS, outlive: (work) => void outlive(c, work) },
    });
    if (!found.ok) return found;
    const { answers, work, remembered } = found.value;
    c.header('server-timing', serverTiming(work));
    for (const [name, value] of Object.entries(cacheHeaders(remembered, access))) c.header(name, value);
    return ok(answers);
  }

  /** As the Hugging Face task has it: a text with one mask answers a list of candidates, with several a list for each. */
  async function answerMasks(c: Context<Worker>, question: Question): Promise<Result<FillMaskResponse, Unanswerable>> {
    const found = await answer(c, (sources) => fillMask(question, sources));
    if (!found.ok) return found;
    const answers = found.value.map((ofText) => (ofText.length === 1 ? (ofText[0] ?? []) : ofText));
    return ok(inShapeOf(question, answers));
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
  app.notFound((c) => refuse(c, { reason: 'not_found', path: c.req.path }));
  app.onError((error, c) => {
    if (error instanceof ModelObjectError) {
      console.error(error.message, error.cause ?? '');
      return c.json<ErrorResponse>({ error: error.message, error_type: 'model_unavailable' }, 502);
    }
    if (error instanceof ConfigurationError) {
      return c.json<ErrorResponse>({ error: error.message, error_type: 'misconfigured' }, 500);
    }
    console.error(error);
    const sentence = 'Something failed here that should not have: please report it.';
    return c.json<ErrorResponse>({ error: sentence, error_type: 'internal' }, 500);
  });

  const answerPost = async (c: Context<Worker>, question: Question) => {
    const found = await answerMasks(c, question);
    return found.ok ? c.json<FillMaskResponse, 200>(found.value, 200) : refuse(c, found.error);
  };
  const answerPairs = async <Head extends SentenceHead>(c: Context<Worker>, head: Head, sent: SentenceRequest) => {
    const question = toSentenceQuestion(head, sent);
    const found = await answer(c, (sources) => judge(question, sources));
    if (!found.ok) return refuse(c, found.error);
    return c.json<Judged<Head> | Judged<Head>[], 200>(inShapeOf(question, found.value), 200);
  };
  const routes = app
    .post('/', limitBody, body(FILL_MASK), (c) => answerPost(c, toQuestion(c.req.valid('json'))))
    .post('/fill-mask', limitBody, body(FILL_MASK), (c) => answerPost(c, toQuestion(c.req.valid('json'))))
    .get('/fill-mask', async (c) => {
      const asked = parseQuery(new URL(c.req.url).searchParams);
      if (!asked.ok) return refuse(c, asked.error);
      const found = await answerMasks(c, toQuestion(asked.value));
      if (!found.ok) return refuse(c, found.error);
      const json = JSON.stringify(found.value);
      const tag = await entityTag(json);
      c.header('etag', tag);
      c.header('cache-control', ANSWER_CACHE_CONTROL);
      return matches(c.req.header('if-none-match'), tag) ? c.body(null, 304) : c.body(json, 200, JSON_TYPE);
    })
    .post('/score', limitBody, body(SCORE), async (c) => {
      const question = toScoreQuestion(c.req.valid('json'));
      const found = await answer(c, (sources) => score(question, sources));
      return found.ok ? c.json<ScoreResponse, 200>(inShapeOf(question, found.value), 200) : refuse(c, found.error);
    })
    .post('/sentence-order', limitBody, body(SENTENCES), (c) => answerPairs(c, 'sop', c.req.valid('json')))
    .post('/next-sentence', limitBody, body(SENTENCES), (c) => answerPairs(c, 'nsp', c.req.valid('json')))
    .post('/tokenize', limitBody, body(TOKENIZE), async (c) => {
      const question = listed(c.req.valid('json').inputs);
      const found = await tokenize(question, () => outlive(c, model(c).tokenizer(c.env.MODELS)));
      return found.ok ? c.json<TokenizeResponse, 200>(inShapeOf(question, found.value), 200) : refuse(c, found.error);
    })
    .get('/health', (c) => c.json<Health>({ status: 'ok', model: c.env.MODEL }))
    .get('/info', async (c) => c.json<Info, 200>(infoOf(await outlive(c, model(c).manifest(c.env.MODELS)), kind), 200))
    .get('/openapi.json', (c) => c.json(openApiDocument()));
  // The page, and the documents of the API. All else that they load is served without the worker.
  for (const path of ['/', '/docs']) app.get(path, (c) => c.env.ASSETS.fetch(c.req.raw));
  for (const [allowed, paths] of METHODS) {
    app.on('ALL', [...paths], (c) => refuse(c, { reason: 'method_not_allowed', method: c.req.method, allowed }));
  }
  return routes;
}

const JSON_TYPE = { 'content-type': 'application/json' };

/** What the paths are asked with; any other method is told so. */
const METHODS = [
  [['POST'], ['/score', '/sentence-order', '/next-sentence', '/tokenize']],
  [
    ['GET', 'POST'],
    ['/', '/fill-mask'],
  ],
  [['GET'], ['/docs', '/health', '/info', '/openapi.json']],
] as const;

/** A list of texts answers a list. */
function inShapeOf<T>({ isList }: { readonly isList: boolean }, answers: T[]): T | T[] {
  return isList ? answers : (answers[0] as T);
}

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
