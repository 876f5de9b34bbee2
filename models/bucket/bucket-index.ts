/** `models/index.json`, the list of a bucket's models, because wrangler cannot list a bucket. Parsing only, no I/O. */
import * as v from 'valibot';

import type { Manifest } from '../../src/model/manifest.ts';

export const INDEX_KEY = 'models/index.json';

const bytes = v.pipe(v.number(), v.integer(), v.minValue(0));
const entries = v.array(
  v.object({
    id: v.string(),
    revision: v.string(),
    family: v.string(),
    /** Every object of the revision, including the manifest. */
    files: v.array(v.object({ name: v.string(), bytes })),
    /** When it was first complete. ISO 8601. */
    pushed: v.pipe(v.string(), v.isoTimestamp()),
  }),
);
export type BucketIndex = v.InferOutput<typeof entries>;
export type IndexedFile = BucketIndex[number]['files'][number];

/** @throws if `push` did not write it */
export function parseIndex(json: string): BucketIndex {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), entries), json);
  if (parsed.success) return parsed.output;
  throw new Error(`${INDEX_KEY} is damaged: delete that object, and push the models of the bucket again`);
}

/** @returns the index with this revision in it; the same index if it already lists the files with these sizes */
export function withRevision(
  index: BucketIndex,
  { id, revision, architecture }: Manifest,
  files: IndexedFile[],
  now: Date,
): BucketIndex {
  const same = (entry: BucketIndex[number]) => entry.id === id && entry.revision === revision;
  const before = index.find(same);
  const entry = { id, revision, family: architecture.family, files, pushed: before?.pushed ?? now.toISOString() };
  if (JSON.stringify(before) === JSON.stringify(entry)) return index;
  return [...index.filter((other) => !same(other)), entry];
}
