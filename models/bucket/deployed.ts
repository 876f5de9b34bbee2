/** What wrangler.toml deploys: BACKEND says which of its environments is meant. Reads a file. */
import { join } from 'node:path';

import { unstable_readConfig as readConfig } from 'wrangler';

const BACKENDS = ['engine', 'onnxruntime'] as const;

/** @throws when the variable BACKEND is none of them */
export function selectedBackend(): (typeof BACKENDS)[number] {
  const wanted = process.env['BACKEND'] || 'engine';
  const backend = BACKENDS.find((name) => name === wanted);
  if (!backend) throw new Error(`BACKEND is "${wanted}": set it to ${BACKENDS.join(' or ')}`);
  return backend;
}

/** The environment of wrangler.toml that has the selected backend: none is the one at the top. */
export function selectedEnvironment(): string | undefined {
  const backend = selectedBackend();
  return backend === 'engine' ? undefined : backend;
}

export function selectedModel(): { id: string; revision: string } {
  const env = selectedEnvironment();
  const { vars } = readConfig({ config: join(import.meta.dirname, '../..', 'wrangler.toml'), ...(env && { env }) });
  const [id = '', revision = ''] = String(vars['MODEL']).split('@');
  return { id, revision };
}
