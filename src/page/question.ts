/** What is asked, as the form has it, as the link keeps it and as the API wants it. No I/O. */

export interface Question {
  readonly text: string;
  readonly top_k: number;
  /** Empty when any word may be an answer. */
  readonly targets: readonly string[];
  readonly joint: boolean;
}

const DEFAULT_TOP_K = 5;

/** What the API is sent. */
export interface Body {
  readonly inputs: string;
  readonly parameters?: Readonly<Record<string, number | string | readonly string[]>>;
}

/** With targets no number is sent, so that all of them are in the answer. */
export function bodyOf({ text, top_k, targets, joint }: Question): Body {
  const parameters = {
    ...(targets.length === 0 && top_k !== DEFAULT_TOP_K && { top_k }),
    ...(targets.length > 0 && { targets }),
    ...(joint && { strategy: 'joint' }),
  };
  return Object.keys(parameters).length > 0 ? { inputs: text, parameters } : { inputs: text };
}

export function parseTargets(list: string): string[] {
  return Array.from(new Set(list.split(',').map((word) => word.trim()))).filter((word) => word !== '');
}

/** The fragment of a link: it is never sent to a server. */
export function fragmentOf({ text, top_k, targets, joint }: Question): string {
  const fragment = new URLSearchParams({ text });
  if (top_k !== DEFAULT_TOP_K) fragment.set('top_k', String(top_k));
  if (targets.length > 0) fragment.set('targets', targets.join(', '));
  if (joint) fragment.set('joint', 'true');
  return `#${fragment.toString()}`;
}

/** @returns undefined for a link that has no question in it; what is missing or odd in one is as in a new form */
export function parseFragment(fragment: string): Question | undefined {
  const fields = new URLSearchParams(fragment.replace(/^#/, ''));
  const text = fields.get('text') ?? '';
  if (text === '') return undefined;
  const top_k = Number(fields.get('top_k') ?? DEFAULT_TOP_K);
  return {
    text: text.replace(/\r\n?/g, '\n'),
    top_k: Number.isInteger(top_k) && top_k >= 1 && top_k <= 100 ? top_k : DEFAULT_TOP_K,
    targets: parseTargets(fields.get('targets') ?? ''),
    joint: fields.get('joint') === 'true',
  };
}
