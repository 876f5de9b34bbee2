/** What the API answered, from JSON to types that only checking makes. No I/O. */

export interface Candidate {
  readonly score: number;
  readonly token: number;
  readonly token_str: string;
  readonly sequence: string;
  /** Number of word pieces. */
  readonly pieces: number;
}

/** All masks filled at once. */
export interface Combination {
  readonly score: number;
  /** One for each mask. */
  readonly words: readonly string[];
  readonly sequence: string;
}

export interface Token {
  readonly token: number;
  readonly piece: string;
  readonly token_str: string;
  readonly special: boolean;
}

/** @returns a list for each mask, or undefined when the answer is of another shape */
export function parseCandidates(document: unknown, masks: number): Candidate[][] | undefined {
  // A text with one mask answers the list itself.
  const lists = masks === 1 ? [document] : document;
  const parsed = listOf(lists, (list) => listOf(list, parseCandidate));
  return parsed?.length === masks ? parsed : undefined;
}

function parseCandidate(value: unknown): Candidate | undefined {
  const { score, token, token_str, sequence, token_ids } = fields(value);
  if (!isProbability(score) || !isId(token) || typeof token_str !== 'string' || typeof sequence !== 'string') return;
  return { score, token, token_str, sequence, pieces: Array.isArray(token_ids) ? token_ids.length : 1 };
}

/** @returns the combinations, best first, or undefined when the answer is of another shape */
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

/** @returns the sentence of an error, if it has one */
export function parseError(document: unknown): string | undefined {
  const { error } = fields(document);
  return typeof error === 'string' && error !== '' ? error : undefined;
}

/** What /info tells, as far as the page shows it. */
export function parseInfo(document: unknown): { model: string; mask_token: string } | undefined {
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
