/** The interface of a command of `npm run models`, and what several commands share. It loads fast: nothing of wrangler. */
import type { parseArgs } from 'node:util';

import { BUILT_FILES, type BuiltFor, type LayerBits } from '../build/quantization-error.ts';
import type { ConvertOptions } from '../convert/convert.ts';
import { UsageError } from './usage-error.ts';

export const OPTIONS = {
  backend: { type: 'string' },
  bits: { type: 'string' },
  data: { type: 'string' },
  force: { type: 'boolean' },
  full: { type: 'boolean' },
  id: { type: 'string' },
  'keep-vocabulary': { type: 'string' },
  outliers: { type: 'string' },
  python: { type: 'string' },
  quick: { type: 'boolean' },
  remote: { type: 'boolean' },
  revision: { type: 'string' },
  text: { type: 'string' },
} as const;
type Options = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];

export interface Command {
  /** @param model the argument, if given */
  readonly run: (model: string | undefined, options: Options, more?: readonly string[]) => Promise<void>;
}

export function requireModel(model: string | undefined): string {
  if (model) return model;
  throw new UsageError('name a model');
}

function parseBits(bits: string | undefined): { bits?: LayerBits } {
  if (bits === undefined) return {};
  if (bits !== '4' && bits !== '8') throw new UsageError(`--bits is 4 or 8, not "${bits}"`);
  return { bits: bits === '4' ? 4 : 8 };
}

function parseBackend(backend: string | undefined): { backend?: BuiltFor } {
  if (backend === undefined) return {};
  if (!Object.hasOwn(BUILT_FILES, backend)) {
    throw new UsageError(`--backend is ${Object.keys(BUILT_FILES).join(', ')}, not "${backend}"`);
  }
  return { backend: backend as BuiltFor };
}

/** Settings of a conversion. */
export function parseConvert({
  backend,
  bits,
  'keep-vocabulary': keepVocabulary,
  outliers,
  text,
}: Options): Omit<ConvertOptions, 'force' | 'progress' | 'say'> {
  const budget = Number(outliers);
  if (outliers !== undefined && !(outliers !== '' && budget >= 0 && budget <= 1)) {
    throw new UsageError(`--outliers is a share between 0 and 1, not "${outliers}"`);
  }
  return {
    ...parseBackend(backend),
    ...parseBits(bits),
    ...(outliers !== undefined && { outliers: budget }),
    ...(text !== undefined && { text }),
    ...(keepVocabulary !== undefined && { keepVocabulary }),
  };
}

export const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
export const withCommas = (count: number): string => count.toLocaleString('en');
