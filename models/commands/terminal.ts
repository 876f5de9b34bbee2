/** Prints messages, and asks. Writes to stdout and stderr. */
import { createInterface } from 'node:readline/promises';

/** C0 and C1 controls except tab and line feed, and marks that change the direction of text. */
// oxlint-disable-next-line no-control-regex
const UNSAFE = /[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Escapes control characters, since names and errors can come from a hub or a worker. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The result of a command. */
export function print(text: string): void {
  process.stdout.write(`${printable(text)}\n`);
}

/** Other messages: progress, warnings, errors. */
export function say(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}

/** @throws the reason of the stop: while a question waits, Ctrl-C is a key and no signal */
export async function askPerson(question: string, stop: AbortSignal): Promise<string> {
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  prompt.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    return await prompt.question(printable(question), { signal: stop });
  } catch (error) {
    stop.throwIfAborted();
    throw error;
  } finally {
    prompt.close();
  }
}

/** Asks a person. Only "y" and "yes" are a yes. */
export const confirm = async (question: string, stop: AbortSignal): Promise<boolean> =>
  /^y(?:es)?$/i.test((await askPerson(`${question} [y/N] `, stop)).trim());
