/** The scripts for users, as processes. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
const forUsers = Object.entries(scripts).flatMap(([name, command]) => {
  const [, file] = /^node (models\/[\w/-]+\.ts)$/.exec(command) ?? [];
  return file ? [[name, file] as const] : [];
});

const run = (file: string, arg: string) =>
  promisify(execFile)(process.execPath, [join(ROOT, file), arg], { cwd: ROOT });

describe('--help', () => {
  it.each(forUsers)('of npm %s prints the usage and nothing else; a wrong option prints it too', async (name, file) => {
    const { stdout, stderr } = await run(file, '--help');
    expect(stdout).toMatch(new RegExp(`^npm (run )?${name}\\b`));
    expect(stderr).toBe('');
    await expect(run(file, '--nosuch')).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining(stdout.trim()),
    });
  });

  it('is there for every command that the documents name', () => {
    expect(forUsers.map(([name]) => name)).toEqual(
      expect.arrayContaining(['start', 'deploy', 'rollback', 'purge', 'metrics', 'cost', 'ask', 'models']),
    );
  });
});
