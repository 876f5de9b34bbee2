/** The origin of a downloaded model: `source.json` beside its files. Reads files. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import * as v from 'valibot';

export const SOURCE = 'source.json';

const source = v.object({
  /** `<owner>/<name>` */
  hub: v.string(),
  commit: v.string(),
  /** From the model card, or "unknown". */
  license: v.string(),
  files: v.array(v.object({ name: v.string(), bytes: v.number(), oid: v.string() })),
});
export type Source = v.InferOutput<typeof source>;

/** @param models the folder of all models */
export function pulledFolder(models: string, id = ''): string {
  return join(models, '.pulled', id);
}

/** @returns undefined if there is none, or if it is invalid */
export async function readSource(folder: string): Promise<Source | undefined> {
  const text = await readFile(join(folder, SOURCE), 'utf8').catch(() => '');
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), source), text);
  return parsed.success ? parsed.output : undefined;
}
