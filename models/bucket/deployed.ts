/** The environments of wrangler.toml; BACKEND selects one. Reads a file. */
import { join } from 'node:path';

import { unstable_readConfig as readConfig } from 'wrangler';

const BACKENDS = ['engine', 'onnxruntime'] as const;

/** @throws if the variable BACKEND names none of them */
export function selectedBackend(): (typeof BACKENDS)[number] {
  const wanted = process.env['BACKEND'] || 'engine';
  const backend = BACKENDS.find((name) => name === wanted);
  if (!backend) throw new Error(`BACKEND is "${wanted}": set it to ${BACKENDS.join(' or ')}`);
  return backend;
}

/** The environment of wrangler.toml with the selected backend; undefined for the top-level one. */
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
