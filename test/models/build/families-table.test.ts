import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { tableOfFamilies } from '../../../models/build/families-table.ts';

it('models/README.md has the families that the code can serve', async () => {
  const readme = await readFile(join(import.meta.dirname, '../../../models/README.md'), 'utf8');
  expect(readme).toContain(tableOfFamilies());
});
