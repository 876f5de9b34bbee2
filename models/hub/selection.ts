/** Which files of a repository are pulled. No I/O. */
import type { ListedFile } from './content-hash.ts';

const WEIGHTS = 'model.safetensors';
export const SHARD_INDEX = 'model.safetensors.index.json';

/** Each is a whole tokenizer; the first that is there is taken. */
const TOKENIZERS = [['tokenizer.json'], ['spiece.model'], ['vocab.txt'], ['vocab.json', 'merges.txt']];

/** Whether a file may be of a pull, this one or another. */
export function canBePulled(name: string): boolean {
  return (
    ['config.json', 'tokenizer_config.json', SHARD_INDEX, ...TOKENIZERS.flat()].includes(name) ||
    /\.(safetensors|part)$/.test(name)
  );
}

/**
 * @param listed every file of the repository
 * @param hub its id and its commit, for what can be done
 * @returns the files without the shards, which the index among them names
 * @throws naming what is missing
 */
export function selectFiles(listed: readonly ListedFile[], hub: string, commit: string): ListedFile[] {
  const has = (name: string) => listed.some((file) => file.name === name);
  const weights = [WEIGHTS, SHARD_INDEX].find(has);
  if (!weights) throw new Error(`${hub} has neither ${WEIGHTS} nor ${SHARD_INDEX}${howToConvert(listed, hub, commit)}`);
  const tokenizer = TOKENIZERS.find((names) => names.every(has));
  if (!tokenizer) {
    throw new Error(`${hub} has no tokenizer: none of ${TOKENIZERS.map((names) => names.join(' with ')).join(', ')}`);
  }
  if (!has('config.json')) throw new Error(`${hub} has no config.json`);
  const names = new Set(['config.json', weights, ...tokenizer, 'tokenizer_config.json']);
  return listed.filter(({ name }) => names.has(name));
}

/** A pickle runs what it contains, so it is left to the library that it was made with. */
function howToConvert(listed: readonly ListedFile[], hub: string, commit: string): string {
  if (!listed.some(({ name }) => /^pytorch_model.*\.bin$/.test(name))) return '';
  const folder = hub.replace(/.*\//, '').toLowerCase();
  const from = `from_pretrained('${hub}', revision='${commit}')`;
  const to = `save_pretrained('${folder}'`;
  return `, only pickled weights (.bin). Convert them with Python's transformers and add the folder:

  python -c "import transformers as t; t.AutoModelForMaskedLM.${from}.${to}, safe_serialization=True); t.AutoTokenizer.${from}.${to})"
  npm run models -- add ./${folder}`;
}
