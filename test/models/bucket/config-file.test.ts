/** wrangler.toml: its environments agree, and `use` changes all of them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';
import { unstable_readConfig as readConfig } from 'wrangler';

import { withModel } from '../../../models/bucket/config-file.ts';

const CONFIG = join(import.meta.dirname, '../../../wrangler.toml');

describe('use', () => {
  it('sets MODEL in every environment, and nothing else', async () => {
    const before = await readFile(CONFIG, 'utf8');
    const after = withModel(before, 'other@0123456789abcdef');
    const changed = after.split('\n').filter((line, i) => line !== before.split('\n')[i]);
    const { definedEnvironments = [] } = readConfig({ config: CONFIG });
    expect(changed).toEqual(['', ...definedEnvironments].map(() => 'MODEL = "other@0123456789abcdef"'));
    expect(withModel(after, 'other@0123456789abcdef')).toBe(after);
  });

  it('is refused if there is no such line', () => {
    expect(() => withModel('# MODEL = "a@b"\n', 'a@b')).toThrow('wrangler.toml has no line MODEL');
  });
});
