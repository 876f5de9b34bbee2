/** Which files of a repository are pulled. No I/O. */
import { WEIGHT_FILES, WEIGHTS } from '../checkpoint/files.ts';
import { ADAPTER, adapterAt, noWeights } from '../checkpoint/refusals.ts';
import { VOCABULARY_FILES } from '../tokenizer/classes.ts';
import type { ListedFile } from './content-hash.ts';

/** Files beside a vocabulary of any form. */
const BESIDE = ['tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json'];
/** Complete vocabularies. Without a tokenizer.json all are downloaded: the tokenizer's class says which is read. */
const VOCABULARIES = [['tokenizer.json'], ...VOCABULARY_FILES];

/** Whether a file could have been downloaded by this or another pull. */
export function canBePulled(name: string): boolean {
  return (
    ['config.json', ...WEIGHT_FILES, ...BESIDE, ...VOCABULARIES.flat()].includes(name) ||
    isShard(name) ||
    name.endsWith('.part')
  );
}

/** Whether a file has weights, which may be large. */
export const isShard = (name: string): boolean => WEIGHTS.some(({ shard }) => name.endsWith(shard));

/** @returns the ending of the shards if the file is a list of them */
export const shardsOf = (name: string): string | undefined => WEIGHTS.find(({ index }) => index === name)?.shard;

/**
 * @param listed every file of the repository
 * @param folders of the repository
 * @returns the files, without the shards that the index among them names
 * @throws naming what is missing
 */
export function selectFiles(listed: readonly ListedFile[], hub: string, folders: readonly string[]): ListedFile[] {
  const has = (name: string) => listed.some((file) => file.name === name);
  const there = [...listed.map(({ name }) => name), ...folders];
  if (has(ADAPTER)) throw new Error(adapterAt(hub, there));
  const weights = WEIGHT_FILES.find(has);
  if (!weights) throw new Error(noWeights(hub, there, WEIGHT_FILES));
  const found = VOCABULARIES.filter((names) => names.every(has));
  if (found.length === 0) {
    throw new Error(`${hub} has no tokenizer: none of ${VOCABULARIES.map((names) => names.join(' with ')).join(', ')}`);
  }
  const tokenizer = has('tokenizer.json') ? ['tokenizer.json'] : found.flat();
  if (!has('config.json')) throw new Error(`${hub} has no config.json`);
  const names = new Set(['config.json', weights, ...tokenizer, ...BESIDE]);
  return listed.filter(({ name }) => names.has(name));
}
