/** A figure over several texts, with its standard error. No I/O. */

export interface Figure {
  readonly value: number;
  readonly error: number;
}

/**
 * Σ part / Σ whole. Its error comes from the spread between texts, since the parts of one text are correlated, with n − 1 degrees
 * of freedom, since the ratio comes from the same texts (Cochran 1977, § 2.11). A single text has no spread: its error of 0 says nothing.
 * @param part of each text
 * @param whole of each text
 */
export function ratio(part: readonly number[], whole: readonly number[]): Figure {
  const below = sum(whole);
  const value = sum(part) / below;
  const spread = sum(part.map((x, i) => (x - value * whole[i]!) ** 2));
  const texts = part.length;
  return { value, error: Math.sqrt((spread * texts) / Math.max(1, texts - 1)) / below };
}

export const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
