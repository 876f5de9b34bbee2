/** What a caller sent, as a sentence repeats it. No I/O. */

const LENGTH = 40;

export const clip = (text: string): string =>
  text.length > LENGTH ? `${text.slice(0, LENGTH).toWellFormed()}…` : text;
