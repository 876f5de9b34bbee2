/** The documents: what they link to is there, and each row of the comparison is held by a test. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const LINK = /\]\((?!https?:|#)([^)#\s]+)/g;

describe('the documents', () => {
  it.each(['README.md', 'CONTRIBUTING.md', 'models/README.md', 'models/albert-edge/README.md'])(
    '%s links to what is there',
    async (name) => {
      const text = await readFile(join(ROOT, name), 'utf8');
      const gone = Array.from(text.matchAll(LINK), ([, link = '']) => link).filter(
        (link) => !existsSync(join(ROOT, dirname(name), link)),
      );
      expect(gone).toEqual([]);
    },
  );

  it('link a test to whatever README says this does and others may not', async () => {
    const text = await readFile(join(ROOT, 'README.md'), 'utf8');
    const start = text.indexOf('## Beside others');
    const rows = text
      .slice(start, text.indexOf('\n## ', start + 1))
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .slice(2);
    expect(rows.length).toBeGreaterThan(10);
    for (const row of rows) {
      const [, , own = ''] = row.split('|');
      expect(own.trim(), row).toMatch(/^(?:no$|\[[^\]]+\]\(test\/[\w/-]+\.test\.ts\))/);
    }
  });
});
