/** The tokenizer of a checkpoint's folder, whatever form it has there, as a `tokenizer.json`. Reads files. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { readBytes, readText } from '../checkpoint/files.ts';
import { tokenizerJsonFromSentencePiece } from './sentencepiece.ts';
import { tokenizerJsonFromMerges, tokenizerJsonFromVocabulary } from './vocabulary.ts';

/**
 * @returns the text of `tokenizer.json`: the file, or what is made of `spiece.model`, `vocab.txt`, or `vocab.json` with
 *   `merges.txt`, the first that is there, and of `tokenizer_config.json`
 * @throws naming the file that is wrong, or all that were looked for
 */
export async function readTokenizer(folder: string): Promise<string> {
  const has = (name: string) => existsSync(join(folder, name));
  if (has('tokenizer.json')) return readText(folder, 'tokenizer.json');
  const config = has('tokenizer_config.json') ? parse(await readText(folder, 'tokenizer_config.json'), folder) : {};
  if (has('spiece.model')) return tokenizerJsonFromSentencePiece(await readBytes(folder, 'spiece.model'), config);
  if (has('vocab.txt')) return tokenizerJsonFromVocabulary(await readText(folder, 'vocab.txt'), config);
  if (has('vocab.json') && has('merges.txt')) {
    return tokenizerJsonFromMerges(await readText(folder, 'vocab.json'), await readText(folder, 'merges.txt'), config);
  }
  throw new Error(`${folder} has no tokenizer: tokenizer.json, spiece.model, vocab.txt, or vocab.json with merges.txt`);
}

function parse(json: string, folder: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new Error(`${join(folder, 'tokenizer_config.json')} is not JSON`, { cause });
  }
}
