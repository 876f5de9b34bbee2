/** Validates the answers of the API. Another service may answer in its place, so no JSON is trusted. No I/O. */
import type { Prediction } from '../schemas/fill-mask.ts';
import type { Score } from '../schemas/score.ts';
import type { LABELS } from '../schemas/sentence.ts';
import type { Info, Models } from '../schemas/service.ts';
import type { Tokenized } from '../schemas/tokenize.ts';

export interface Candidate extends Pick<Prediction, 'score' | 'token' | 'token_str' | 'sequence' | 'target'> {
  /** Number of word pieces. */
  readonly pieces: number;
}

/** Words for all masks of a text. */
export interface Combination extends Pick<Prediction, 'score' | 'sequence'> {
  /** (masks,) */
  readonly words: readonly string[];
}

export type Scored = Pick<Score, 'score'> & {
  readonly tokens: readonly Pick<Score['tokens'][number], 'token_str' | 'score'>[];
};

export interface Label {
  readonly label: (typeof LABELS)[keyof typeof LABELS][number];
  readonly score: number;
}

/** The part of /info that the page shows. */
export type ModelInfo = Pick<
  Info,
  | 'model'
  | 'revision'
  | 'mask_token'
  | 'heads'
  | 'architecture'
  | 'quantization'
  | 'backend'
  | 'weights_bytes'
  | 'source'
  | 'license'
>;

/** A model of the deployment. Without a card if it is not in the bucket. */
export type ServedModel = Pick<Models[number], 'model' | 'path' | 'default'> & { readonly info?: ModelInfo };

export type Token = Omit<Tokenized['tokens'][number], 'offsets'>;

/** @returns (masks,) lists of candidates, or undefined for an answer of another shape */
export function parseCandidates(document: unknown, masks: number): Candidate[][] | undefined {
  // For a single mask, the answer is the list itself.
  const lists = masks === 1 ? [document] : document;
  const parsed = listOf(lists, (list) => listOf(list, parseCandidate));
  return parsed?.length === masks ? parsed : undefined;
}

function parseCandidate(value: unknown): Candidate | undefined {
  const { score, token, token_str, sequence, token_ids, target } = fields(value);
  if (!isProbability(score) || !isId(token) || typeof token_str !== 'string' || typeof sequence !== 'string') return;
  return {
    score,
    token,
    token_str,
    sequence,
    pieces: Array.isArray(token_ids) ? token_ids.length : 1,
    ...(typeof target === 'string' && { target }),
  };
}

/** @returns the combinations, best first, or undefined for an answer of another shape */
export function parseCombinations(document: unknown, masks: number): Combination[] | undefined {
  return listOf(document, (value) => {
    const { score, token_str, token_strs, sequence } = fields(value);
    const words = listOf(token_strs ?? [token_str], (word) => (typeof word === 'string' ? word : undefined));
    if (!isProbability(score) || typeof sequence !== 'string' || words?.length !== masks) return;
    return { score, words, sequence };
  });
}

export function parseTokens(document: unknown): Token[] | undefined {
  return listOf(fields(document)['tokens'], (value) => {
    const { token, piece, token_str, special } = fields(value);
    if (!isId(token) || typeof piece !== 'string' || typeof token_str !== 'string') return;
    return { token, piece, token_str, special: special === true };
  });
}

/** @returns the message of an error, if it has one */
export function parseError(document: unknown): string | undefined {
  const { error } = fields(document);
  return typeof error === 'string' && error !== '' ? error : undefined;
}

/** @returns (texts,) scores */
export function parseScores(document: unknown, texts: number): Scored[] | undefined {
  const parsed = listOf(document, (value) => {
    const { score, tokens } = fields(value);
    const parsedTokens = listOf(tokens, (token) => {
      const { token_str, score: own } = fields(token);
      return typeof token_str === 'string' && isLogProbability(own) ? { token_str, score: own } : undefined;
    });
    return isLogProbability(score) && parsedTokens ? { score, tokens: parsedTokens } : undefined;
  });
  return parsed?.length === texts ? parsed : undefined;
}

/** @returns both labels of a pair, the more likely first */
export function parseLabels(document: unknown): Label[] | undefined {
  const parsed = listOf(document, (value) => {
    const { label, score } = fields(value);
    return isLabel(label) && isProbability(score) ? { label, score } : undefined;
  });
  return parsed?.length === 2 ? parsed : undefined;
}

/** @returns the models of /models, or undefined for an answer of another shape */
export function parseModels(document: unknown): ServedModel[] | undefined {
  const models = listOf(document, (value) => {
    const { model, path, default: isDefault, info } = fields(value);
    if (typeof model !== 'string' || typeof path !== 'string' || !path.startsWith('/models/')) return;
    const parsed = parseInfo(info);
    return { model, path, default: isDefault === true, ...(parsed && { info: parsed }) };
  });
  return models && models.length > 0 ? models : undefined;
}

/** /info comes from the worker that serves the page, so only its presence is checked. */
function parseInfo(document: unknown): ModelInfo | undefined {
  const { model, architecture, backend, heads } = fields(document);
  const isInfo = typeof model === 'string' && Array.isArray(heads) && isObject(architecture) && isObject(backend);
  return isInfo ? (document as ModelInfo) : undefined;
}

function listOf<T>(value: unknown, parse: (item: unknown) => T | undefined): T[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const parsed: T[] = [];
  for (const item of value) {
    const one = parse(item);
    if (one === undefined) return undefined;
    parsed.push(one);
  }
  return parsed;
}

const fields = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
const isProbability = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= 1.000001;
const isId = (value: unknown): value is number => typeof value === 'number' && Number.isInteger(value) && value >= 0;
const isLogProbability = (value: unknown): value is number => typeof value === 'number' && value <= 0.000001;
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
const isLabel = (value: unknown): value is Label['label'] =>
  ['in_order', 'swapped', 'is_next', 'not_next'].includes(value as string);
