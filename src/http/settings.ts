/** The variables of wrangler.toml and the secrets, parsed and checked in one place. No I/O. */
import { ConfigurationError } from '../errors.ts';
import {
  DEFAULT_CACHE_DAYS,
  DEFAULT_CACHE_OPERATIONS,
  DEFAULT_EXPENSIVE_LIMIT,
  DEFAULT_MAX_REQUEST_WORK,
  MAX_CACHE_OPERATIONS,
} from '../limits.ts';
import { API_KEY, NAMED_KEY_PREFIX } from '../schemas/api-key.ts';

/** Characters. A shorter key can be guessed. */
const MIN_KEY_LENGTH = 16;

/** Reads the value of a variable. It throws an Error with the sentence after the name of the variable. */
type Read<T> = (given: unknown, all: Readonly<Record<string, unknown>>) => T;

/** Each variable, with how it is read: to add one, add a line here, and describe it in wrangler.toml. */
const VARIABLES = {
  /** `<id>@<revision>` of the model that answers the routes without a prefix. */
  MODEL: readModel,
  /** Further models, by `<id>@<revision>`. */
  MORE_MODELS: readMoreModels,
  /** The path below which the deployment answers, such as `/masks`; empty at the root. */
  BASE_PATH: readBasePath,
  /** Origins whose pages may call the API, or `*` for all. */
  ALLOWED_ORIGINS: readOrigins,
  CACHE: oneOf(['on', 'off']),
  /** Who sees from which cache an answer came. */
  CACHE_STATUS: oneOf(['all', 'keys', 'none'], 'keys'),
  /** Whose cache entries answer. */
  CACHE_SCOPE: oneOf(['caller', 'shared'], 'caller'),
  CACHE_DAYS: positiveNumber(DEFAULT_CACHE_DAYS, 365, 'a number of days up to 365'),
  /** Operations of the edge cache that one request may use. */
  CACHE_OPERATIONS: readOperations,
  /** Another value forgets all that is cached. */
  CACHE_EPOCH: readEpoch,
  /** A secret, without which nobody can name an entry of the edge cache. */
  CACHE_SECRET: readCacheSecret,
  /** Whether each request is a line of the log. */
  REQUEST_LOG: oneOf(['on', 'off'], 'off'),
  /** The share of the requests without an error that is logged. */
  LOG_SHARE: readShare,
  RATE_LIMITS: oneOf(['on', 'off'], 'on'),
  /** Units of EXPENSIVE_RATE_LIMITER in a period, which its binding does not tell. */
  EXPENSIVE_LIMIT: readLimit,
  /** Billions of multiply-adds that one request may ask for. */
  MAX_REQUEST_GMACS: positiveNumber(DEFAULT_MAX_REQUEST_WORK / 1e9, Number.MAX_VALUE / 1e9, 'a positive number'),
  /** Keys of callers, of this list and of the secrets API_KEY_<NAME>; undefined where everybody may ask. */
  API_KEYS: readKeys,
} satisfies Record<string, Read<unknown>>;

/** Their values are never repeated. */
const SECRETS = new Set(['API_KEYS', 'CACHE_SECRET']);

export type Variable = keyof typeof VARIABLES;
export type Settings = { readonly [Name in Variable]: ReturnType<(typeof VARIABLES)[Name]> };

interface Checked {
  /** Of the variables that are right. */
  readonly values: Partial<Settings>;
  /** Names every variable that is wrong, what is wrong with it, and what to write. */
  readonly error?: ConfigurationError;
}

type Bindings = Readonly<Partial<Record<Variable, unknown>>>;
const checked = new WeakMap<Bindings, Checked>();

/** @param env the bindings of a request: an isolate has one such object, whose variables are read once */
export function checkSettings(env: Bindings): Checked {
  const known = checked.get(env);
  if (known) return known;
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  let cause: unknown;
  for (const [name, read] of Object.entries(VARIABLES)) {
    try {
      values[name] = read(env[name as Variable], env);
    } catch (error) {
      cause ??= (error as Error).cause;
      problems.push(`The ${SECRETS.has(name) ? 'secret' : 'variable'} ${name} ${(error as Error).message}`);
    }
  }
  const found: Checked = {
    values,
    ...(problems.length > 0 && { error: new ConfigurationError(problems.join(' '), { cause }) }),
  };
  checked.set(env, found);
  return found;
}

/** @throws {ConfigurationError} where any variable is wrong */
export function settingsOf(env: Bindings): Settings {
  const { values, error } = checkSettings(env);
  if (error) throw error;
  return values as Settings;
}

/** The value as it stands in wrangler.toml. A text has quotes, so that it differs from a number, a truth value or a list. */
const show = (given: unknown): string => (given === undefined ? 'not set' : JSON.stringify(given));

const isUnset = (given: unknown): boolean => given === undefined || given === null;

function oneOf<const Value extends string>(allowed: readonly Value[], byDefault?: Value): Read<Value> {
  const quoted = allowed.map((value) => `"${value}"`);
  return (given) => {
    const found = isUnset(given) ? byDefault : allowed.find((value) => value === given);
    if (found !== undefined) return found;
    throw new Error(`is ${show(given)}. Set it to ${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}.`);
  };
}

function positiveNumber(byDefault: number, max: number, form: string): Read<number> {
  return (given) => {
    if (isUnset(given)) return byDefault;
    const number = typeof given === 'string' ? Number(given) : given;
    if (typeof number === 'number' && number > 0 && number <= max) return number;
    throw new Error(`is ${show(given)}. Set it to ${form}.`);
  };
}

function readOperations(given: unknown): number {
  if (isUnset(given)) return DEFAULT_CACHE_OPERATIONS;
  const isNumber = typeof given === 'number' || (typeof given === 'string' && given.trim() !== '');
  const operations = Number(given);
  if (isNumber && Number.isInteger(operations) && operations >= 0 && operations <= MAX_CACHE_OPERATIONS) {
    return operations;
  }
  throw new Error(`is ${show(given)}. Set it to a whole number from 0 to ${MAX_CACHE_OPERATIONS}.`);
}

function readLimit(given: unknown): number {
  if (isUnset(given)) return DEFAULT_EXPENSIVE_LIMIT;
  const text = typeof given === 'number' ? String(given) : given;
  if (typeof text === 'string' && /^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new Error(`is ${show(given)}. Set it to the limit of EXPENSIVE_RATE_LIMITER in wrangler.toml, a whole number.`);
}

function readShare(given: unknown): number {
  if (isUnset(given)) return 1;
  const isNumber = typeof given === 'number' || (typeof given === 'string' && given.trim() !== '');
  if (isNumber && Number(given) >= 0 && Number(given) <= 1) return Number(given);
  throw new Error(`is ${show(given)}. Set it to a number from 0 to 1.`);
}

function readEpoch(given: unknown): string | undefined {
  if (isUnset(given)) return undefined;
  if (typeof given === 'string' || typeof given === 'number') return String(given);
  throw new Error(`is ${show(given)}. Set it to a text.`);
}

function readCacheSecret(given: unknown): string | undefined {
  if (isUnset(given)) return undefined;
  if (typeof given === 'string' && given.length >= MIN_KEY_LENGTH) return given;
  const found = typeof given === 'string' ? `has ${given.length} characters` : 'is no text';
  throw misconfigured('', `The secret CACHE_SECRET ${found}. Use at least ${MIN_KEY_LENGTH} characters.`);
}

/** The entries of a list in one text, between commas or white space. */
function readList(given: unknown, form: string): string[] {
  if (Array.isArray(given)) {
    throw new Error(`is a list. Set it to one text, "${given.join(', ')}".`);
  }
  if (typeof given !== 'string') throw new Error(`is ${show(given)}. Set it to ${form}.`);
  if (given.trim() === '') return [];
  const entries = given.trim().split(/\s*,\s*|\s+/);
  if (entries.includes('')) {
    throw new Error(`is ${show(given)}, with nothing before or after a comma. Remove that comma.`);
  }
  return entries;
}

const MODEL_FORM = '<id>@<revision>';

function readModel(given: unknown): string {
  if (typeof given === 'string' && /^[^@/,\s]+@[^@/,\s]+$/.test(given)) return given;
  throw new Error(`is ${show(given)}. Set it to one ${MODEL_FORM}, as "npm run models -- use <id>" does.`);
}

function readMoreModels(given: unknown, { MODEL }: Readonly<Record<string, unknown>>): readonly string[] {
  const names = isUnset(given) ? [] : readList(given, `"${MODEL_FORM}, ${MODEL_FORM}"`);
  for (const [i, name] of names.entries()) {
    if (!/^[^@/]+@[^@/]+$/.test(name)) throw new Error(`names the model ${show(name)}. Name it ${MODEL_FORM}.`);
    if (name === MODEL) throw new Error(`names ${show(name)}, which is MODEL. Name only further models.`);
    if (names.indexOf(name) < i) throw new Error(`names ${show(name)} twice. Name it once.`);
  }
  return names;
}

function readBasePath(given: unknown): string {
  if (isUnset(given) || given === '') return '';
  // A URL never holds the segments `.` and `..`.
  const isPath = typeof given === 'string' && /^(?:\/[\w.~-]+)+$/.test(given) && !/\/\.\.?(?:\/|$)/.test(given);
  if (isPath) return given;
  throw new Error(
    `is ${show(given)}. Set it to a path such as "/masks", which begins with a slash, does not end with one, and has only letters, digits and -._~ between slashes. Leave it out to answer at the root.`,
  );
}

const ORIGINS_FORM = '"*" for all origins, or to origins such as "https://a.example", separated by commas';

function readOrigins(given: unknown): '*' | readonly string[] {
  const origins = readList(given, ORIGINS_FORM);
  if (origins.length === 0) throw new Error(`is empty. Set it to ${ORIGINS_FORM}.`);
  if (origins.length === 1 && origins[0] === '*') return '*';
  for (const origin of origins) {
    const problem = problemOf(origin);
    if (problem !== undefined) throw new Error(`has ${show(origin)}. ${problem}`);
  }
  return origins;
}

/** A browser sends an origin in one form only, and any other would match none. */
function problemOf(origin: string): string | undefined {
  if (origin === '*') return 'It means all origins, so it stands alone. Remove it, or all others.';
  if (origin.includes('*')) return 'A part of an origin cannot be "*". Name each origin, or write "*" alone for all.';
  // The origin of a page without one, such as a file.
  if (origin === 'null') return undefined;
  if (!origin.includes('://')) return `An origin begins with its scheme, as "https://${origin}" does.`;
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  if (!url?.host) return 'It is no origin. Write one such as "https://a.example".';
  // URL gives only the schemes of the web an origin; extensions of browsers have others.
  const written = `${url.protocol}//${url.host}`;
  return written === origin ? undefined : `Browsers send it in another form. Write "${written}".`;
}

/** A key, and its name if it is a secret of its own. */
export interface NamedKey {
  readonly key: string;
  readonly name?: string;
}

/** The secrets with keys. One that is there and empty counts: it opens nothing. */
export const keySecretsOf = (env: Readonly<Record<string, unknown>>): string[] =>
  Object.keys(env).filter((name) => (name === 'API_KEYS' || name.startsWith(NAMED_KEY_PREFIX)) && !isUnset(env[name]));

/** The same bindings without keys: for callers that only the owner lets in. */
export function withoutKeys<Env extends Bindings>(env: Env): Env {
  const open: Record<string, unknown> = { ...env };
  for (const name of keySecretsOf(env)) delete open[name];
  return open as Env;
}

/** The cause, which only the log has, says what is wrong. It never repeats a key, or what may be one. */
function readKeys(_: unknown, all: Readonly<Record<string, unknown>>): readonly NamedKey[] | undefined {
  const secrets = keySecretsOf(all);
  if (secrets.length === 0) return undefined;
  const found: NamedKey[] = [];
  for (const secret of secrets) {
    const given = all[secret];
    if (typeof given !== 'string') throw misconfiguredKeys(`The secret ${secret} is no text.`);
    const isList = secret === 'API_KEYS';
    const keys = isList ? given.split(/[\s,]+/).filter(Boolean) : [given.trim()];
    for (const [i, key] of keys.entries()) {
      const place = isList ? `Key ${i + 1} of the secret API_KEYS` : `The secret ${secret}`;
      if (key.length < MIN_KEY_LENGTH) {
        throw misconfiguredKeys(`${place} has ${key.length} characters. Use at least ${MIN_KEY_LENGTH}.`);
      }
      if (!API_KEY.test(key)) throw misconfiguredKeys(`${place} may have letters, digits and -._~+/ only.`);
      found.push(isList ? { key } : { key, name: secret.slice(NAMED_KEY_PREFIX.length) });
    }
  }
  if (found.length === 0) throw misconfiguredKeys('The secret API_KEYS holds no key. Set one, or delete the secret.');
  return found;
}

const misconfiguredKeys = (problem: string): Error => misconfigured('or a key with a name of its own ', problem);

const misconfigured = (subject: string, problem: string): Error =>
  new Error(`${subject}is misconfigured. The log says what is wrong.`, { cause: new Error(problem) });
