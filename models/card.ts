/** What the model card's front matter says for the manifest. Reads a file. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** @throws when models/<id>/README.md lacks `license` or `source` in its front matter */
export async function readCard(folder: string): Promise<{ license: string; source: string }> {
  const card = await readFile(join(folder, 'README.md'), 'utf8');
  const [, head = ''] = /^---\n([^]*?)\n---\n/.exec(card) ?? [];
  const field = (name: string): string => {
    const value = new RegExp(`^${name}: (.+)$`, 'm').exec(head)?.[1];
    if (!value) throw new Error(`${folder}/README.md has no "${name}" in its front matter`);
    return value;
  };
  return { license: field('license'), source: field('source') };
}
