/** All models: checkpoints, builds, the contents of the buckets, and what is deployed. Reads files and buckets. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { unstable_readConfig as readConfig } from 'wrangler';

import type { BucketIndex } from './bucket-index.ts';
import { BUILDS } from './built.ts';
import { namesIn } from './deployed.ts';
import type { StoredObject } from './local.ts';
import { addedFolders } from '../hub/added.ts';
import { pulledFolder, readSource } from '../hub/source.ts';

/** A model in one place. */
export interface Held {
  /** The id, or `<id>@<revision>` for a build. */
  readonly model: string;
  readonly place: string;
  readonly bytes?: number;
  readonly date?: Date;
  readonly note?: string;
}

/** @param models the folder of all models */
export async function findCheckpoints(models: string): Promise<Held[]> {
  const held: Held[] = [];
  for (const model of await foldersIn(models)) {
    const folder = join(models, model);
    if ((await readdir(folder)).includes('config.json')) {
      held.push({ model, place: 'checkpoint', ...(await measure(folder)) });
    }
  }
  for (const model of await foldersIn(pulledFolder(models))) {
    const folder = pulledFolder(models, model);
    const source = await readSource(folder);
    const note = source ? `${source.hub}@${source.commit.slice(0, 7)}, ${source.license}` : 'incomplete: pull it again';
    held.push({ model, place: 'pulled', ...(await measure(folder)), note });
  }
  return held;
}

/** The checkpoints elsewhere that models were built from. */
export async function findAdded(): Promise<Held[]> {
  const held: Held[] = [];
  for (const [model, note] of addedFolders()) held.push({ model, place: 'folder', ...(await measure(note)), note });
  return held;
}

export async function findBuilds(builds = BUILDS): Promise<Held[]> {
  const held: Held[] = [];
  for (const id of await foldersIn(builds)) {
    for (const revision of await foldersIn(join(builds, id))) {
      // A build that another process is writing has a longer name.
      if (!/^[0-9a-f]{16}$/.test(revision)) continue;
      held.push({ model: `${id}@${revision}`, place: 'build', ...(await measure(join(builds, id, revision))) });
    }
  }
  return held;
}

/** @param objects with keys like `models/<id>/<revision>/<name>`; others belong to no model */
export function groupObjects(objects: readonly StoredObject[]): Held[] {
  const groups = Map.groupBy(objects, ({ key }) => key.split('/').slice(1, -1).join('@'));
  return [...groups]
    .filter(([model]) => model.includes('@'))
    .map(([model, files]) => ({
      model,
      place: 'local bucket',
      bytes: sum(files.map(({ bytes }) => bytes)),
      date: latest(files.map(({ date }) => date)),
      note: files.some(({ key }) => key.endsWith('/manifest.json')) ? '' : 'incomplete: push it again',
    }));
}

export function listIndex(index: BucketIndex): Held[] {
  return index.map(({ id, revision, files, pushed }) => ({
    model: `${id}@${revision}`,
    place: "account's bucket",
    bytes: sum(files.map(({ bytes }) => bytes)),
    date: new Date(pushed),
  }));
}

/** The models that each environment of wrangler.toml serves. */
export function findDeployed(config: string): Held[] {
  const { definedEnvironments = [] } = readConfig({ config });
  return [undefined, ...definedEnvironments].flatMap((env) => {
    const { MODEL, MORE_MODELS = '' } = readConfig({ config, ...(env && { env }) }).vars;
    const note = env ? `--env ${env}` : 'without --env';
    return [String(MODEL), ...namesIn(String(MORE_MODELS))].map((model) => ({ model, place: 'wrangler.toml', note }));
  });
}

/** @returns a line for each entry, by model; the columns are aligned */
export function printInventory(held: readonly Held[]): string {
  const rows = [...held]
    .toSorted((a, b) => a.model.localeCompare(b.model))
    .map(({ model, place, bytes, date, note = '' }) => {
      const size = bytes === undefined ? '' : `${(bytes / 1e6).toFixed(1)} MB`;
      return [model, place, size, date?.toISOString().slice(0, 16).replace('T', ' ') ?? '', note];
    });
  const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) => row.map((cell, i) => (i === 2 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))))
    .map((cells) => cells.join('  ').trimEnd())
    .join('\n');
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
}

/** Size and date of the files in a folder, without its subfolders. */
async function measure(folder: string): Promise<{ bytes: number; date: Date }> {
  const files = (await Promise.all((await readdir(folder)).map((name) => stat(join(folder, name))))).filter((found) =>
    found.isFile(),
  );
  return { bytes: sum(files.map(({ size }) => size)), date: latest(files.map(({ mtime }) => mtime)) };
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const latest = (dates: readonly Date[]): Date => new Date(Math.max(0, ...dates.map(Number)));
