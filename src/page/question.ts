/** A question: in the form, in a link, and as a request body. No I/O. */
import type { FillMaskRequest } from '../schemas/fill-mask.ts';
import { isModelName } from '../schemas/model-name.ts';

export interface Question {
  readonly text: string;
  readonly top_k: number;
  /** The only words to score. Empty for the whole vocabulary. */
  readonly targets: readonly string[];
  readonly joint: boolean;
  /** Whether punctuation and special tokens are left out. */
  readonly only_words: boolean;
  /** Whether words of several pieces are searched as well. */
  readonly whole_words: boolean;
  /** The id of the model. Empty for the default one. It is part of the path, not of the body. */
  readonly model: string;
  /** The id of a second model, which is asked the same. Empty for none. */
  readonly other: string;
}

const DEFAULT_TOP_K = 5;
const MAX_TOP_K = 1000;

/** With targets, `top_k` is not sent, so that the answer lists all of them. */
export function bodyOf({ text, top_k, targets, joint, only_words, whole_words }: Question): FillMaskRequest {
  const parameters = {
    ...(targets.length === 0 && top_k !== DEFAULT_TOP_K && { top_k }),
    ...(targets.length > 0 && { targets: [...targets] }),
    ...(joint && { strategy: 'joint' as const }),
    ...(only_words && { filter: 'words' as const }),
    ...(whole_words && { whole_words }),
  };
  return Object.keys(parameters).length > 0 ? { inputs: text, parameters } : { inputs: text };
}

export function parseTargets(list: string): string[] {
  return Array.from(new Set(list.split(',').map((word) => word.trim()))).filter((word) => word !== '');
}

/** The fragment of a link. Browsers never send it to a server. */
export function fragmentOf(question: Question): string {
  const { text, top_k, targets, joint, only_words, whole_words, model, other } = question;
  const fragment = new URLSearchParams({ text });
  if (top_k !== DEFAULT_TOP_K) fragment.set('top_k', String(top_k));
  if (targets.length > 0) fragment.set('targets', targets.join(', '));
  if (joint) fragment.set('joint', 'true');
  if (only_words) fragment.set('only_words', 'true');
  if (whole_words) fragment.set('whole_words', 'true');
  if (model !== '') fragment.set('model', model);
  if (other !== '') fragment.set('compare', other);
  return `#${fragment.toString()}`;
}

/** The models that a link names in a form that no model has, such as a path. A request must not go there. */
export function findWrongModels(fragment: string): string[] {
  const fields = fieldsOf(fragment);
  return ['model', 'compare'].map((name) => fields.get(name) ?? '').filter((name) => name !== '' && !isModelName(name));
}

/** @returns undefined for a link without a question; missing or invalid options get their defaults */
export function parseFragment(fragment: string): Question | undefined {
  const fields = fieldsOf(fragment);
  const modelIn = (name: string): string => {
    const given = fields.get(name) ?? '';
    return isModelName(given) ? given : '';
  };
  const text = fields.get('text') ?? '';
  if (text === '') return undefined;
  const top_k = Number(fields.get('top_k') ?? DEFAULT_TOP_K);
  return {
    text: text.replace(/\r\n?/g, '\n'),
    top_k: Number.isInteger(top_k) && top_k >= 1 && top_k <= MAX_TOP_K ? top_k : DEFAULT_TOP_K,
    targets: parseTargets(fields.get('targets') ?? ''),
    joint: fields.get('joint') === 'true',
    only_words: fields.get('only_words') === 'true',
    whole_words: fields.get('whole_words') === 'true',
    model: modelIn('model'),
    other: modelIn('compare'),
  };
}

const fieldsOf = (fragment: string): URLSearchParams => new URLSearchParams(fragment.replace(/^#/, ''));
