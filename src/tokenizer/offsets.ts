/** Offsets in a text, in the units of several programming languages. No I/O. */
import type { Offsets } from '../schemas/fields.ts';

/** @returns a function from UTF-16 code units to the offsets of a part of the text */
export function offsetsIn(text: string): (start: number, end: number) => Offsets {
  // (code units + 1,) the number of code points before each.
  const points = new Int32Array(text.length + 1);
  let count = 0;
  for (let at = 0; at < text.length; count++) {
    const width = (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
    points.fill(count, at, at + width);
    at += width;
  }
  points[text.length] = count;
  return (start, end) => ({ utf16: [start, end], code_points: [points[start] ?? count, points[end] ?? count] });
}
