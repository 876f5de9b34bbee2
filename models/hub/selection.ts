/** Which files of a repository are pulled. No I/O. */
import { howToConvert, isPickle } from '../checkpoint/pickle.ts';
import { VOCABULARY_FILES } from '../tokenizer/classes.ts';
import type { ListedFile } from './content-hash.ts';

const WEIGHTS = 'model.safetensors';
export const SHARD_INDEX = 'model.safetensors.index.json';

/** Files beside a vocabulary of any form. */
const BESIDE = ['tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json'];
/** Complete vocabularies. Without a tokenizer.json all are downloaded: the tokenizer's class says which is read. */
const VOCABULARIES = [['tokenizer.json'], ...VOCABULARY_FILES];

/** Whether a file could have been downloaded by this or another pull. */
export function canBePulled(name: string): boolean {
  return (
    ['config.json', SHARD_INDEX, ...BESIDE, ...VOCABULARIES.flat()].includes(name) || /\.(safetensors|part)$/.test(name)
  );
}

/**
 * @param listed every file of the repository
 * @param hub its id and its commit, for the remedy
 * @returns the files, without the shards that the index among them names
 * @throws naming what is missing
 */
export function selectFiles(listed: readonly ListedFile[], hub: string, commit: string): ListedFile[] {
  const has = (name: string) => listed.some((file) => file.name === name);
  const weights = [WEIGHTS, SHARD_INDEX].find(has);
  if (!weights) {
    const pickled = listed.some(({ name }) => isPickle(name));
    const folder = `./${hub.replace(/.*\//, '').toLowerCase()}`;
    const help = howToConvert(`'${hub}', revision='${commit}'`, folder);
    throw new Error(
      `${hub} has neither ${WEIGHTS} nor ${SHARD_INDEX}${pickled ? `, only pickled weights (.bin). ${help}` : ''}`,
    );
  }
  const found = VOCABULARIES.filter((names) => names.every(has));
  if (found.length === 0) {
    throw new Error(`${hub} has no tokenizer: none of ${VOCABULARIES.map((names) => names.join(' with ')).join(', ')}`);
  }
  const tokenizer = has('tokenizer.json') ? ['tokenizer.json'] : found.flat();
  if (!has('config.json')) throw new Error(`${hub} has no config.json`);
  const names = new Set(['config.json', weights, ...tokenizer, ...BESIDE]);
  return listed.filter(({ name }) => names.has(name));
}
