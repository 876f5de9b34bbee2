/** Validates the answers of the API. Another service may answer in its place, so no JSON is trusted. No I/O. */
import type { Prediction } from '../schemas/fill-mask.ts';
import type { Info } from '../schemas/service.ts';
import type { Tokenized } from '../schemas/tokenize.ts';

export interface Candidate extends Pick<Prediction, 'score' | 'token' | 'token_str' | 'sequence'> {
  /** Number of word pieces. */
  readonly pieces: number;
}

/** Words for all masks of a text. */
export interface Combination extends Pick<Prediction, 'score' | 'sequence'> {
  /** (masks,) */
  readonly words: readonly string[];
}

export type Token = Omit<Tokenized['tokens'][number], 'offsets'>;

/** @returns (masks,) lists of candidates, or undefined for an answer of another shape */
export function parseCandidates(document: unknown, masks: number): Candidate[][] | undefined {
  // For a single mask, the answer is the list itself.
  const lists = masks === 1 ? [document] : document;
  const parsed = listOf(lists, (list) => listOf(list, parseCandidate));
  return parsed?.length === masks ? parsed : undefined;
}

function parseCandidate(value: unknown): Candidate | undefined {
  const { score, token, token_str, sequence, token_ids } = fields(value);
  if (!isProbability(score) || !isId(token) || typeof token_str !== 'string' || typeof sequence !== 'string') return;
  return { score, token, token_str, sequence, pieces: Array.isArray(token_ids) ? token_ids.length : 1 };
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

/** The part of /info that the page shows. */
export function parseInfo(document: unknown): Pick<Info, 'model' | 'mask_token'> | undefined {
  const { model, mask_token } = fields(document);
  return typeof model === 'string' && typeof mask_token === 'string' ? { model, mask_token } : undefined;
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
