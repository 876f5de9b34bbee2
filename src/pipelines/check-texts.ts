/** The checks of texts that need no tokenizer. No I/O. */
import type { RequestError } from '../errors.ts';
import { MAX_TEXTS } from '../limits.ts';

/**
 * @param lengthOf a text, in UTF-16 code units
 * @param check the checks of one text beyond its length
 * @returns the first error
 */
export function checkTexts<T>(
  { texts, isList }: { readonly texts: readonly T[]; readonly isList: boolean },
  lengthOf: (text: T) => number,
  limit: number,
  check: (text: T, index: number | undefined) => RequestError | undefined = () => undefined,
): RequestError | undefined {
  if (texts.length > MAX_TEXTS) return { reason: 'too_many_texts', texts: texts.length, limit: MAX_TEXTS };
  for (const [i, text] of texts.entries()) {
    const index = isList ? i : undefined;
    const length = lengthOf(text);
    if (length > limit) return { reason: 'text_too_long', index, length, limit };
    const error = check(text, index);
    if (error) return error;
  }
  return undefined;
}

/** Of one UTF-16 code unit in JSON, at most: \u0001. */
export const MAX_ESCAPED_BYTES = 6;

/** Of a text within a string of JSON. */
export const jsonBytes = (text: string): number => new TextEncoder().encode(JSON.stringify(text)).length - 2;
