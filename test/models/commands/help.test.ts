/** The scripts for users, as processes. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { transform } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
const forUsers = Object.entries(scripts).flatMap(([name, command]) => (command.includes(' models/') ? [name] : []));
const COMMANDS = 'add list pull convert measure push use compare evaluate ablate bench-geometry'.split(' ');

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const run = (args: readonly string[], folder = ROOT, node = process.execPath) =>
  new Promise<Ended>((resolve) => {
    execFile(node, [join(folder, 'models/main.mjs'), ...args], { cwd: folder }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });

describe('help', () => {
  it.each(forUsers)('of npm %s is the usage; a wrong option prints it too, and what is wrong last', async (name) => {
    expect(scripts[name]).toBe(`node models/main.mjs ${name}`);
    const [help, wrong] = await Promise.all([run([name, '--help']), run([name, '--nosuch'])]);
    expect(help).toEqual({ code: 0, out: expect.stringMatching(new RegExp(`^npm (run )?${name}\\b`)), err: '' });
    expect(wrong).toEqual({ code: 2, out: '', err: `${help.out}\nUnknown option '--nosuch'\n` });
  });

  it('is there for every command that the documents name', () => {
    expect(forUsers).toEqual(
      expect.arrayContaining(['start', 'deploy', 'rollback', 'purge', 'metrics', 'cost', 'ask', 'models']),
    );
  });

  it.each(COMMANDS)('of npm run models -- %s is its own, which a wrong option prints too', async (name) => {
    const { code, out, err } = await run(['models', name, '--nosuch']);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(new RegExp(`^npm run models -- ${name}\\b[^]*\n\nUnknown option '--nosuch'\n$`));
    expect(err.split('\n').length).toBeLessThan(20);
  });

  it.each([
    ['start', [['--help'], ['-h'], ['help']]],
    [
      'models',
      [
        ['add', '--help'],
        ['--help', 'add'],
        ['help', 'add'],
        ['add', '-h'],
      ],
    ],
    ['models', [['--help'], ['help'], ['-h']]],
  ])('of npm %s is the same however it is asked for: %j', async (name, ways) => {
    const [first, ...others] = await Promise.all(ways.map((way) => run([name, ...way])));
    expect(first).toMatchObject({ code: 0, err: '' });
    for (const other of others) expect(other).toEqual(first);
  });

  it('of npm run models lists the commands, and says so where there is none of the name', async () => {
    const { code, err } = await run(['models', 'help', 'nosuch']);
    expect(code).toBe(2);
    expect(Array.from(err.matchAll(/^ {2}([\w-]+)/gm), ([, name]) => name)).toEqual(COMMANDS);
    expect(err).toMatch(/\n\nthere is no command "nosuch"\n$/);
  });
});

describe('npm run deploy', () => {
  it('refuses --gradual with --keys, and says what to do first, before it asks for names', async () => {
    const { code, err } = await run(['deploy', '--gradual', '10', '--keys', '-']);
    expect(code).toBe(2);
    expect(err.trimEnd().split('\n').at(-1)).toMatch(
      /^--gradual and --keys exclude each other.*npm run keys -- add NAME/,
    );
  });
});

describe('without npm ci', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
    await cp(join(ROOT, 'models'), join(folder, 'models'), {
      recursive: true,
      filter: (path) => !/\/\.|safetensors/.test(path),
    });
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each(forUsers)('npm %s says so in two lines', async (name) => {
    expect(await run([name], folder)).toEqual({
      code: 1,
      out: '',
      err: 'The packages are not installed. Run this first, in the folder of the repository:\n\n  npm ci\n',
    });
  });

  it('the entry is JavaScript that the oldest Node reads which package.json allows', async () => {
    const text = await readFile(join(ROOT, 'models/main.mjs'), 'utf8');
    // Node 20 has all of it, and what it imports at once is of Node itself.
    expect(Array.from(text.matchAll(/^import .* from '([^']+)'/gm), ([, from]) => from)).toEqual(['node:fs']);
    const { code } = await transform(text, { target: 'node20.17', format: 'esm', minify: false });
    const unchanged = await transform(text, { target: 'esnext', format: 'esm', minify: false });
    expect(code).toBe(unchanged.code);
  });
});
