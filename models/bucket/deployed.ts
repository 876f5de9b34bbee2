/** The environments of wrangler.toml; BACKEND selects one. Reads files. */
import { join } from 'node:path';

import { unstable_getVarsForDev as getVarsForDev, unstable_readConfig as readConfig } from 'wrangler';

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

const CONFIG = join(import.meta.dirname, '../..', 'wrangler.toml');

function readVars(config: string): Readonly<Record<string, unknown>> {
  const env = selectedEnvironment();
  try {
    return readConfig({ config, ...(env && { env }) }).vars;
  } catch (cause) {
    throw new Error(`wrangler.toml cannot be read: ${(cause as Error).message}`, { cause });
  }
}

export function selectedModel(): { id: string; revision: string } {
  const [id = '', revision = ''] = String(readVars(CONFIG)['MODEL']).split('@');
  return { id, revision };
}

/** @returns BASE_PATH, or an empty text where the worker answers at the root. The worker refuses a wrong one, wherever it is asked */
export function basePathOf({ BASE_PATH: given }: Readonly<Record<string, unknown>>): string {
  return typeof given === 'string' && given.startsWith('/') ? given.replace(/\/+$/, '') : '';
}

/** The models that a text such as MORE_MODELS names. */
export const namesIn = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

/** The variables of a local worker: .dev.vars goes before wrangler.toml. */
const readLocalVars = (config: string) =>
  getVarsForDev(config, undefined, readVars(config), selectedEnvironment(), true);

/** BASE_PATH of a local worker. */
export const localBasePath = (config = CONFIG): string =>
  basePathOf({ BASE_PATH: readLocalVars(config)['BASE_PATH']?.value });

/**
 * MODEL and then those of MORE_MODELS, as a local worker has them.
 * @throws when one of them is no text
 */
export function localModels(config = CONFIG): string[] {
  const vars = readLocalVars(config);
  const textOf = (name: string): string => {
    const value: unknown = vars[name]?.value ?? '';
    if (typeof value === 'string') return value;
    throw new Error(
      `${name} is not a text: write ${name} = "<id>@<revision>" in wrangler.toml, with commas between several`,
    );
  };
  return [...new Set(namesIn(`${textOf('MODEL')} ${textOf('MORE_MODELS')}`))];
}
