/** A disk that is full leaves every file as it was, and nothing half-written. */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { makeArtifacts, readCheckpoint, writeBuild } from '../../models/build/build.ts';
import { chooseKept } from '../../models/build/keep-vocabulary.ts';
import { writePlan } from '../../models/build/plan-file.ts';
import { writeQuantizationErrors } from '../../models/build/quantization-error.ts';
import { BUILDS } from '../../models/bucket/built.ts';
import { recordAdded } from '../../models/hub/added.ts';
import { replaceFile } from '../../models/hub/replace-file.ts';
import { forInputs } from '../../models/quantization/plan.ts';

/** How many more files fit on the disk, and the half of the one after them. */
const disk = vi.hoisted(() => ({ room: Infinity }));
vi.mock(import('node:fs/promises'), async (importOriginal) => {
  const original = await importOriginal();
  const limited: typeof original.writeFile = async (file, data, options) => {
    if (disk.room-- > 0) return original.writeFile(file, data, options);
    const bytes = Buffer.from(data as string | Uint8Array);
    await original.writeFile(file, bytes.subarray(0, bytes.length / 2), options);
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC', syscall: 'write' });
  };
  return { ...original, writeFile: limited, default: { ...original, writeFile: limited } };
});

const ID = 'full-disk-test';
let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'edge-fill-mask-')), ID);
  await cp(join(import.meta.dirname, '../fixtures/families/albert'), folder, { recursive: true });
});
afterEach(async () => {
  disk.room = Infinity;
  await rm(join(folder, '..'), { recursive: true });
  await rm(join(BUILDS, ID), { recursive: true, force: true });
});

/** Every file below a folder. */
async function filesOf(place: string): Promise<Record<string, string>> {
  const names = await readdir(place, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = names.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return Object.fromEntries(await Promise.all(files.map(async (file) => [file, await readFile(file, 'base64')])));
}

const rowsOf = (value: number) => ({
  inputs: 1,
  values: Int8Array.of(value),
  steps: Uint8Array.of(1),
  scales: Float32Array.of(1),
});

const FULL = /cannot be written: the disk is full$/;

/**
 * Writes with more and more room.
 * @returns how often it failed before it was written, with all as it was before; NaN where something was half-written
 */
async function failures(write: () => Promise<unknown>, place: string): Promise<number> {
  const before = await filesOf(place);
  for (let room = 0; ; room++) {
    disk.room = room;
    const failure = await write().then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    disk.room = Infinity;
    const isAsBefore = isDeepStrictEqual(await filesOf(place), before);
    if (!failure) return isAsBefore ? NaN : room;
    if (!isAsBefore || !FULL.test(failure.message)) return NaN;
  }
}

it('keeps the plan of the layers and its rounded weights, which belong together', async () => {
  const checkpoint = await readCheckpoint(folder);
  const planOf = (value: number) =>
    checkpoint.plan.map((layer) => forInputs((input) => ({ ...layer[input], rounded: rowsOf(value) })));
  await writePlan(folder, checkpoint.weights, 4, planOf(1));
  expect(await failures(() => writePlan(folder, checkpoint.weights, 4, planOf(2)), folder)).toBe(2);
});

it('keeps what was measured', async () => {
  await writeQuantizationErrors(folder, { bits: 8, backend: 'engine' }, undefined);
  expect(await failures(() => writeQuantizationErrors(folder, { bits: 4, backend: 'both' }, undefined), folder)).toBe(
    1,
  );
});

it('keeps the pieces that were chosen', async () => {
  const text = join(folder, '../text');
  await writeFile(text, 'The dog barked.\n');
  const whole = await readCheckpoint(folder);
  expect(await failures(() => chooseKept(folder, whole, text, () => undefined), folder)).toBe(1);
});

it('keeps the folder that a model was built from', async () => {
  await recordAdded(ID, '/elsewhere');
  expect(await failures(() => recordAdded(ID, folder), join(BUILDS, ID))).toBe(1);
});

it('writes a build as a whole, and its manifest again as a whole', async () => {
  const checkpoint = await readCheckpoint(folder);
  const artifacts = await makeArtifacts(checkpoint);
  await recordAdded(ID, folder);
  const place = join(BUILDS, ID);
  expect(await failures(() => writeBuild(checkpoint, artifacts, undefined), place)).toBe(3);
  const error = { metric: 'x' } as never;
  expect(await failures(() => writeBuild(checkpoint, artifacts, { 'model.efm': error }), place)).toBe(1);
});

it('keeps wrangler.toml, which models -- use replaces', async () => {
  const file = join(folder, 'wrangler.toml');
  await writeFile(file, 'MODEL = "a@1"\n');
  expect(await failures(() => replaceFile(file, 'MODEL = "b@2"\n'), folder)).toBe(1);
});
