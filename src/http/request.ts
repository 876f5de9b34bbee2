/** The body of a fill-mask request, from JSON to a type that only validation makes. No I/O. */
import * as v from 'valibot';

import { DEFAULT_TOP_K, MAX_TARGET_LENGTH, MAX_TARGETS, MAX_TOP_K } from '../limits.ts';
import type { Question } from '../fill-mask.ts';
import { fail, ok, type Result } from '../result.ts';

const EXAMPLE = '{"inputs": "Paris is the [MASK] of France."}';

const TEXT = 'must be a text or a list of texts';
const text = v.pipe(v.string(TEXT), v.minLength(1, 'is empty: give a text with a [MASK] in it'));
const texts = v.pipe(v.array(text), v.minLength(1, 'is an empty list: give at least one text with a [MASK] in it'));

const TARGET = 'must be a word or a list of words';
const target = v.pipe(
  v.string(TARGET),
  v.minLength(1, 'is empty: a target is a word'),
  v.maxLength(MAX_TARGET_LENGTH, `has more than the ${MAX_TARGET_LENGTH} characters that a target may have`),
);
const targets = v.pipe(
  v.array(target),
  v.minLength(1, 'is an empty list: name at least one word, or leave it out'),
  v.maxLength(MAX_TARGETS, `has more than the ${MAX_TARGETS} words that one request may ask for`),
);

const TOP_K = `must be a whole number from 1 to ${MAX_TOP_K}`;
const top_k = v.pipe(v.number(TOP_K), v.integer(TOP_K), v.minValue(1, TOP_K), v.maxValue(MAX_TOP_K, TOP_K));

/** One or several, decided by what was sent, so that the error speaks of that form. */
const oneOrMore = <One extends v.GenericSchema, More extends v.GenericSchema>(one: One, more: More) =>
  v.lazy<One | More>((input) => (Array.isArray(input) ? more : one));

/** An unknown field is an error here, since a misspelled parameter would otherwise be silently without effect. */
const parameters = v.strictObject(
  { top_k: v.optional(top_k), targets: v.nullish(oneOrMore(target, targets)) },
  'must be an object such as {"top_k": 5}',
);

/** Unknown fields beside these (`options`) are ignored: clients of the Hugging Face task send them. */
const body = v.object({ inputs: oneOrMore(text, texts), parameters: v.nullish(parameters) });

/** What is wrong with the form of a request, as a sentence that says what to do. */
export interface Malformed {
  readonly reason: 'invalid_json' | 'invalid_request';
  readonly message: string;
}

export function parseQuestion(json: string): Result<Question, Malformed> {
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch {
    return fail({ reason: 'invalid_json', message: `The body is not JSON: send ${EXAMPLE}.` });
  }
  return checkQuestion(document);
}

/** The same question as a query: `inputs` and `targets` may be given several times. */
export function parseQuery(query: URLSearchParams): Result<Question, Malformed> {
  const known = ['inputs', 'top_k', 'targets'];
  const other = Array.from(query.keys()).find((name) => !known.includes(name));
  if (other !== undefined) {
    return fail({
      reason: 'invalid_request',
      message: `${other} is not a known parameter: there are ${known.join(', ')}.`,
    });
  }
  const [first, ...more] = query.getAll('inputs');
  const wish = query.get('top_k');
  const wanted = query.getAll('targets');
  return checkQuestion({
    inputs: more.length > 0 ? [first, ...more] : first,
    parameters: {
      ...(wish !== null && { top_k: /^\d+$/.test(wish) ? Number(wish) : wish }),
      ...(wanted.length > 0 && { targets: wanted }),
    },
  });
}

function checkQuestion(document: unknown): Result<Question, Malformed> {
  const parsed = v.safeParse(body, document);
  if (!parsed.success) return fail({ reason: 'invalid_request', message: explain(parsed.issues[0]) });
  const { inputs, parameters: given } = parsed.output;
  const wanted = given?.targets ?? undefined;
  const list = typeof wanted === 'string' ? [wanted] : wanted;
  return ok({
    texts: typeof inputs === 'string' ? [inputs] : inputs,
    isList: typeof inputs !== 'string',
    top_k: given?.top_k ?? list?.length ?? DEFAULT_TOP_K,
    ...(list && { targets: list }),
  });
}

/** The first thing that is wrong, with its place in the body. */
function explain(issue: v.BaseIssue<unknown>): string {
  const [first, ...deeper] = issue.path ?? [];
  if (!first) return `The body must be a JSON object: send ${EXAMPLE}.`;
  const place =
    String(first.key) + deeper.map(({ key }) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  if (issue.kind === 'schema' && issue.type === 'object') return `inputs is missing: send ${EXAMPLE}.`;
  if (issue.kind === 'schema' && issue.type === 'strict_object' && deeper.length > 0) {
    return `${place} is not a known parameter: there are ${Object.keys(parameters.entries).join(' and ')}.`;
  }
  return `${place} ${issue.message}.`;
}
