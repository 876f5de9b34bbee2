/** Where the names of new keys come from. test/models/account/bad-input.test.ts has what is refused. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';

import { afterEach, expect, it, vi } from 'vitest';

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
  const asked = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  typed(text, isTTY);
  expect(await readNames('-')).toBe(names);
  expect(asked.mock.calls.length > 0).toBe(isTTY);
});

it('names come from a file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
  const file = join(folder, 'names');
  await writeFile(file, 'alice\n');
  expect(await readNames(file)).toBe('alice\n');
  await rm(folder, { recursive: true });
});

it('a key is one of sixteen characters or more, or is made', () => {
  const [alice, bob, ...more] = parseKeys(' alice = 0123456789abcdef \n\n# nobody\nbob');
  expect(alice).toEqual(['API_KEY_ALICE', '0123456789abcdef']);
  expect(bob).toEqual(['API_KEY_BOB', expect.stringMatching(/^[\w-]{43}$/)]);
  expect(more).toEqual([]);
  expect(() => parseKeys('alice=0123456789abcde')).toThrow('The key of API_KEY_ALICE cannot be used: it needs 16');
  expect(() => parseKeys('alice=0123456789abcdé!')).toThrow('cannot be used');
});
