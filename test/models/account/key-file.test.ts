/** The names of new keys: where they come from, and which are refused. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { parseKeys, readNames } from '../../../models/account/key-file.ts';

afterEach(() => void vi.restoreAllMocks());

function typed(text: string, isTTY: boolean): void {
  const stdin = Object.assign(new PassThrough(), { isTTY });
  stdin.end(text);
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(stdin as unknown as typeof process.stdin);
}

it.each([
  ['a person, in a line', true, 'alice  bob\n', 'alice\nbob'],
  ['a pipe, as they are', false, 'alice=0123456789abcdef\n# bob\n', 'alice=0123456789abcdef\n# bob\n'],
])('names come from %s', async (_, isTTY, text, names) => {
  const ask = vi.fn<(question: string) => Promise<string>>().mockResolvedValue(text.trim());
  typed(text, isTTY);
  expect(await readNames('-', ask)).toBe(names);
  expect(ask).toHaveBeenCalledTimes(isTTY ? 1 : 0);
});

it('names come from a file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
  const file = join(folder, 'names');
  await writeFile(file, 'alice\n');
  expect(await readNames(file, () => Promise.reject(new Error('asks nobody')))).toBe('alice\n');
  await rm(folder, { recursive: true });
});

describe('the names of keys in a file', () => {
  it('are made a key for, or have their own', () => {
    const [alice, bob] = parseKeys('# comment\nalice\n\nbob = 0123456789abcdef\n');
    expect(alice).toEqual(['API_KEY_ALICE', expect.stringMatching(/^[\w-]{43}$/)]);
    expect(bob).toEqual(['API_KEY_BOB', '0123456789abcdef']);
  });

  it.each([
    ['', '--keys names no key'],
    ['alice=0123456789abcdé!', 'The key of API_KEY_ALICE cannot be used'],
    ['alice=0123456789abcde', 'The key of API_KEY_ALICE cannot be used: it needs 16 characters'],
    ['alice\nAlice', 'API_KEY_ALICE is there twice'],
    ['a b', '"a b" is no name of a key'],
  ])('are refused in "%s"', (text, problem) => {
    expect(() => parseKeys(text)).toThrow(problem);
  });
});
