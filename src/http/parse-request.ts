/** A body or a query to a type that only validation makes, or to what is wrong with it. No I/O. */
import * as v from 'valibot';

import { fail, ok, type Result } from '../result.ts';
import { clip } from './clip.ts';
import { fillMaskParameters, fillMaskRequest, RENAMED_PARAMETERS } from '../schemas/fill-mask.ts';
import { isFormOf, isUtf8, readTexts, readValue } from './read-query.ts';

/** What is wrong with the form of a request, as a sentence that says what to do. */
export interface Malformed {
  readonly reason: 'invalid_json' | 'invalid_request';
  readonly message: string;
}

/** A schema of a request, with what an error says of it: a body that it takes, and the names of its parameters. */
export interface RequestForm<S extends v.GenericSchema> {
  readonly schema: S;
  readonly example: string;
  readonly parameters: readonly string[];
  /** What stands before the name of a parameter in an error: a query has its parameters at the top level. */
  readonly prefix?: 'parameters.' | '';
}

export function parseBody<S extends v.GenericSchema>(
  form: RequestForm<S>,
  json: string,
): Result<v.InferOutput<S>, Malformed> {
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch {
    return fail({ reason: 'invalid_json', message: `The body is not JSON. Send ${form.example}.` });
  }
  return check(form, document);
}

const QUERY = {
  schema: fillMaskRequest,
  example: '?inputs=Paris is the [MASK] of France',
  parameters: Object.keys(fillMaskParameters.entries),
  prefix: '',
} as const;
/** The same question as a query. @param search as it was sent */
export function parseQuery(search: string): Result<v.InferOutput<typeof fillMaskRequest>, Malformed> {
  const refuse = (message: string) => fail<Malformed>({ reason: 'invalid_request', message });
  if (!isUtf8(search)) return refuse('The query is not UTF-8. Percent-encode the bytes of its texts in UTF-8.');
  const query = new URLSearchParams(search);
  const inputs = readTexts('inputs', query);
  if (!inputs.ok) return refuse(inputs.error);
  const targets = readTexts('targets', query);
  if (!targets.ok) return refuse(targets.error);
  const parameters: Record<string, unknown> = { targets: targets.value };
  for (const name of new Set(query.keys())) {
    if (isFormOf('inputs', name) || isFormOf('targets', name)) continue;
    const values = query.getAll(name);
    if (!QUERY.parameters.includes(name)) return refuse(describeUnknown('', name, ['inputs', ...QUERY.parameters]));
    if (values.length > 1) return refuse(`${name} is given ${values.length} times: give it once.`);
    parameters[name] = readValue(values[0] ?? '');
  }
  return check(QUERY, { ...(inputs.value !== undefined && { inputs: inputs.value }), parameters });
}

function check<S extends v.GenericSchema>(
  form: RequestForm<S>,
  document: unknown,
): Result<v.InferOutput<S>, Malformed> {
  // To valibot a list is an object, with nothing in it.
  if (Array.isArray(document)) {
    return fail({
      reason: 'invalid_request',
      message: `The body must be a JSON object, not a list. Send ${form.example}.`,
    });
  }
  if (Array.isArray((document as { parameters?: unknown } | null)?.parameters)) {
    return fail({ reason: 'invalid_request', message: 'parameters must be an object, not a list.' });
  }
  const misplaced = findMisplaced(form, document);
  if (misplaced !== undefined) return fail({ reason: 'invalid_request', message: misplaced });
  // A list of many wrong texts would have as many issues.
  const parsed = v.safeParse(form.schema, document, { abortEarly: true });
  if (parsed.success) return ok(parsed.output);
  const message = explain(deepest(parsed.issues[0]), form);
  return fail({ reason: 'invalid_request', message });
}

/** Other unknown fields at the top level are ignored, but a parameter there would silently have no effect. */
function findMisplaced({ parameters }: RequestForm<v.GenericSchema>, document: unknown): string | undefined {
  if (typeof document !== 'object' || document === null) return undefined;
  const name = parameters.find((known) => Object.hasOwn(document, known));
  return name === undefined
    ? undefined
    : `${name} belongs in parameters. Send {"inputs": …, "parameters": {"${name}": …}}.`;
}

type Issue = v.BaseIssue<unknown>;
interface Fault {
  readonly issue: Issue;
  /** Where in the body. */
  readonly path: readonly (string | number)[];
}

const keysOf = ({ path }: Issue) => (path ?? []).map(({ key }) => key as string | number);

/** Of a value that is neither of two forms: what is wrong with the one that it nearly is. */
function deepest(issue: Issue): Fault {
  const path = keysOf(issue);
  let found: Fault = { issue, path };
  for (const inner of issue.issues ?? []) {
    const fault = withoutLists(inner);
    if (fault && path.length + fault.path.length > found.path.length) {
      found = { ...fault, path: [...path, ...fault.path] };
    }
  }
  return found;
}

/** What is wrong inside of a list that was taken for an object is beside the point. @returns undefined where a list is right */
function withoutLists(inner: Issue): Fault | undefined {
  const list = inner.path?.findIndex(({ type, input }) => type === 'object' && Array.isArray(input)) ?? -1;
  if (list < 0) return deepest(inner);
  const issue = { ...inner, type: 'list', message: 'must be an object, not a list' };
  return list === 0 ? undefined : { issue, path: keysOf(inner).slice(0, list) };
}

function explain(
  { issue, path }: Fault,
  { example, parameters, prefix = 'parameters.' }: Omit<RequestForm<v.GenericSchema>, 'schema'>,
): string {
  const [first, ...deeper] = path;
  if (first === undefined) return `The body must be a JSON object. Send ${example}.`;
  const full = `${first}` + deeper.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('');
  const place = full.replace(/^parameters\./, prefix);
  if (issue.type === 'object' && issue.received === 'undefined') return `${place} is missing. Send ${example}.`;
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    return describeUnknown(prefix, place.slice(prefix.length), parameters);
  }
  return `${place} ${issue.message}.`;
}

function describeUnknown(prefix: string, name: string, known: readonly string[]): string {
  const renamed = Object.hasOwn(RENAMED_PARAMETERS, name) ? RENAMED_PARAMETERS[name] : undefined;
  if (renamed !== undefined) return `${prefix}${name} was renamed: use ${renamed}.`;
  return `${prefix}${clip(name)} is not a known parameter. Known are ${known.join(', ')}.`;
}
