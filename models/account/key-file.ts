/** The names of keys that `npm run deploy -- --keys` adds. Reads a file, or asks. */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';

import { API_KEY } from '../../src/schemas/api-key.ts';
import { type MadeKey, makeKey, secretOfKey } from './keys.ts';

const MIN_KEY_LENGTH = 16;

/**
 * @param file a path, or "-" for stdin
 * @param ask asks a person, where one sits there
 */
export async function readNames(file: string, ask: (question: string) => Promise<string>): Promise<string> {
  if (file !== '-') return readFile(file, 'utf8');
  if (!process.stdin.isTTY) return text(process.stdin);
  return (await ask('Names of the keys, separated by blanks: ')).replaceAll(/\s+/g, '\n');
}

/** @throws naming the line that cannot be used */
export function parseKeys(given: string): MadeKey[] {
  const lines = given
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith('#'));
  const keys = new Map<string, string>();
  for (const line of lines) {
    const at = line.indexOf('=');
    const secret = secretOfKey(at === -1 ? line : line.slice(0, at).trim());
    const key = at === -1 ? makeKey() : line.slice(at + 1).trim();
    if (keys.has(secret)) throw new Error(`${secret} is there twice: give each key a name of its own`);
    if (key.length < MIN_KEY_LENGTH || !API_KEY.test(key)) {
      throw new Error(
        `The key of ${secret} cannot be used: it needs ${MIN_KEY_LENGTH} characters or more of letters, digits and -._~+/`,
      );
    }
    keys.set(secret, key);
  }
  if (keys.size === 0) throw new Error('--keys names no key. Nothing was changed.');
  return [...keys];
}
