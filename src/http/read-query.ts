/** Values of a query, in the ways that clients write them. No I/O. */
import { fail, ok, type Result } from '../result.ts';

/** @returns whether a key of a query is `name` in one of its forms: `inputs`, `inputs[]` or `inputs[0]` */
export const isFormOf = (name: string, key: string): boolean =>
  key === name || key === `${name}[]` || indexIn(name, key) !== undefined;

function indexIn(name: string, key: string): number | undefined {
  const [, index] = key.startsWith(name) ? (/^\[(0|[1-9]\d*)\]$/.exec(key.slice(name.length)) ?? []) : [];
  return index === undefined ? undefined : Number(index);
}

/** @returns the text of a plain key that is given once, and else the list; undefined where there is none; or what is wrong */
export function readTexts(name: string, query: URLSearchParams): Result<string | string[] | undefined, string> {
  const plain = query.getAll(name);
  const appended = query.getAll(`${name}[]`);
  const numbered = new Map<number, string>();
  for (const [key, value] of query) {
    const index = indexIn(name, key);
    if (index === undefined) continue;
    if (numbered.has(index)) return fail(`${key} is given twice: give it once.`);
    numbered.set(index, value);
  }
  const numbers = [...numbered.keys()];
  const forms = [
    ...(plain.length > 0 ? [name] : []),
    ...(appended.length > 0 ? [`${name}[]`] : []),
    ...(numbers.length > 0 ? [`${name}[${numbers[0]}]`] : []),
  ];
  if (forms.length > 1) return fail(`${forms.join(' and ')} write one list in different ways: use one of them.`);
  const missing = numbers.findIndex((_, i) => !numbered.has(i));
  if (missing >= 0) return fail(`${name}[${missing}] is missing: number the list from 0 without a gap.`);
  if (plain.length === 1) return ok(plain[0]);
  const list = [...plain, ...appended, ...numbers.map((_, i) => numbered.get(i) ?? '')];
  return ok(list.length > 0 ? list : undefined);
}

const TRUTH: Readonly<Record<string, boolean>> = { true: true, false: false, True: true, False: false };

/** Numbers as JSON has them, truth values as JSON and Python have them; anything else is left for the schema to refuse. */
export function readValue(value: string): unknown {
  if (/^\d+$/.test(value)) return Number(value);
  return Object.hasOwn(TRUTH, value) ? TRUTH[value] : value;
}

/** @param search a query as it was sent: in place of what is not UTF-8, URLSearchParams has replacement characters */
export function isUtf8(search: string): boolean {
  try {
    for (const [escapes] of search.matchAll(/(?:%[0-9a-f]{2})+/gi)) decodeURIComponent(escapes);
    return true;
  } catch {
    return false;
  }
}
