/** What every question about texts is refused for before anything is read. No I/O. */
import { MAX_TEXTS } from './limits.ts';
import type { Unanswerable } from './unanswerable.ts';

/**
 * @param lengthOf a text, in UTF-16 code units
 * @param refuse what else is wrong with a text that is short enough
 * @returns the first thing that is wrong
 */
export function refusalOf<T>(
  { texts, isList }: { readonly texts: readonly T[]; readonly isList: boolean },
  lengthOf: (text: T) => number,
  limit: number,
  refuse: (text: T, index: number | undefined) => Unanswerable | undefined = () => undefined,
): Unanswerable | undefined {
  if (texts.length > MAX_TEXTS) return { reason: 'too_many_texts', texts: texts.length, limit: MAX_TEXTS };
  for (const [i, text] of texts.entries()) {
    const index = isList ? i : undefined;
    const length = lengthOf(text);
    if (length > limit) return { reason: 'text_too_long', index, length, limit };
    const refusal = refuse(text, index);
    if (refusal) return refusal;
  }
  return undefined;
}
