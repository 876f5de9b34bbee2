/** Which model wrangler.toml selects. Reads a file. */
import { join } from 'node:path';

import { unstable_readConfig as readConfig } from 'wrangler';

export function selectedModel(): { id: string; revision: string } {
  const { vars } = readConfig({ config: join(import.meta.dirname, '..', 'wrangler.toml') });
  const [id = '', revision = ''] = String(vars['MODEL']).split('@');
  return { id, revision };
}
