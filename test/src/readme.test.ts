/** The documents: their links and names exist, and each row of the comparison names its test. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { scripts, version } from '../../package.json';
import { DEFAULT_CACHE_DAYS } from '../../src/limits.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (name: string) => readFile(join(ROOT, name), 'utf8');
const isThere = (path: string) => existsSync(join(ROOT, path));

const folders = ['', 'docs', 'docs/decisions', 'models', 'models/albert-edge'];
const listed = await Promise.all(
  folders.map(async (folder) => (await readdir(join(ROOT, folder))).map((name) => join(folder, name))),
);
const documents = listed.flat().filter((name) => name.endsWith('.md'));
/** The changelog also names removed things. */
const current = documents.filter((name) => name !== 'CHANGELOG.md');

const trees = await Promise.all(['models', 'src', 'test'].map((top) => readdir(join(ROOT, top), { recursive: true })));
const sources = new Set(trees.flat().map((path) => basename(path)));

const all = (text: string, pattern: RegExp): string[] => Array.from(text.matchAll(pattern), ([, found = '']) => found);

describe('the documents', () => {
  it('are all found', () => {
    expect(documents.length).toBeGreaterThan(10);
    expect(documents).toContain('docs/decisions/cache-keys.md');
  });

  it.each(documents)('%s links to what is there', async (name) => {
    const links = all(await read(name), /\]\((?!https?:|#)([^)#\s]+)/g);
    expect(links.filter((link) => !isThere(join(dirname(name), link)))).toEqual([]);
  });

  it.each(current)('%s names scripts, commands and files that are there', async (name) => {
    const text = await read(name);
    const named = all(text, /npm run (?:--silent )?([\w:-]+)/g);
    expect(named.filter((script) => !Object.hasOwn(scripts, script))).toEqual([]);
    const commands = all(text, /npm run models -- ([\w-]+)/g);
    expect(commands.filter((command) => command !== 'help' && !isThere(`models/commands/${command}.ts`))).toEqual([]);
    const paths = [
      ...all(text, /\b(?:node|python) ([\w./-]+\.(?:ts|py))/g),
      ...all(text, /`((?:\.ci|docs|models|src|test)\/[\w./-]*)`/g),
    ];
    expect(paths.filter((path) => !path.startsWith('models/.') && !isThere(path))).toEqual([]);
    const files = all(text, /`([\w.-]+\.(?:ts|py))`/g);
    expect(files.filter((file) => !sources.has(file))).toEqual([]);
  });

  it('show no time in a cache beyond the default', async () => {
    const texts = await Promise.all(current.map(read));
    const shown = texts.flatMap((text) => all(text, /\bttl=(\d+)/g)).map(Number);
    expect(shown.length).toBeGreaterThan(1);
    expect(shown.filter((seconds) => seconds > DEFAULT_CACHE_DAYS * 86_400)).toEqual([]);
    expect(texts.join('\n')).not.toMatch(/\b30 days\b/);
  });

  it('have the version of the package as the last one of the changelog', async () => {
    expect(/^## (?!Unreleased)(\S+)/m.exec(await read('CHANGELOG.md'))?.[1]).toBe(version);
  });

  it('link a test to each row of the comparison', async () => {
    const text = await read('docs/comparison.md');
    const rows = text
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .slice(2);
    expect(rows.length).toBeGreaterThan(10);
    for (const row of rows) {
      const [, , own = ''] = row.split('|');
      expect(own.trim(), row).toMatch(/^(?:no$|\[[^\]]+\]\(\.\.\/test\/[\w/-]+\.test\.ts\))/);
    }
  });
});
