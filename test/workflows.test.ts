import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const FOLDER = new URL('../.github/workflows/', import.meta.url);
const workflows = readdirSync(FOLDER).map((name) => [name, readFileSync(new URL(name, FOLDER), 'utf8')] as const);

describe.each(workflows)('%s', (_, text) => {
  test('names each action by its commit, since a tag can be moved', () => {
    const uses = [...text.matchAll(/uses: *(.+)/g)].map(([, use]) => use);
    expect(uses).not.toHaveLength(0);
    for (const use of uses) expect(use).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test('leaves no token of the checkout on disk', () => {
    expect(text.match(/persist-credentials: false/g)).toHaveLength(text.match(/actions\/checkout@/g)?.length ?? 0);
  });
});

describe.each(workflows.filter(([, text]) => text.includes('secrets.')))('%s, which has a token,', (_, text) => {
  test('runs nothing that another job or a package brought', () => {
    expect(text).not.toMatch(/cache: npm|npm ci(?! --ignore-scripts)/);
    expect(text).toContain('package-manager-cache: false');
  });
});
