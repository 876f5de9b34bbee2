/** The origin and licence of a model for its manifest. Reads files. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { readSource } from '../hub/source.ts';

/**
 * From the front matter of the model card (README.md), or from the record of the download. A folder without either has an
 * unknown origin.
 */
export async function readCard(folder: string): Promise<{ license: string; source: string }> {
  const pulled = await readSource(folder);
  if (pulled) return { license: pulled.license, source: `${pulled.hub} at ${pulled.commit}` };
  const card = await readFile(join(folder, 'README.md'), 'utf8').catch(() => '');
  const [, head = ''] = /^---\n([^]*?)\n---\n/.exec(card) ?? [];
  const field = (name: string) => new RegExp(`^${name}: (.+)$`, 'm').exec(head)?.[1];
  return { license: field('license') ?? 'unknown', source: field('source') ?? 'a folder without a model card' };
}
