/** Creates the `model` of a `tokenizer.json`. No I/O. */
import { MODEL, readComponent } from '../tokenizer-json.ts';
import { createBpe } from './bpe.ts';
import type { Model } from './model.ts';
import { createUnigramModel } from './unigram.ts';
import { createWordPiece } from './wordpiece.ts';

/** @throws naming the field that is not supported */
export function createModel(json: Readonly<Record<string, unknown>>): Model {
  // Older files do not name the type.
  const implied = 'merges' in json ? 'BPE' : Array.isArray(json['vocab']) ? 'Unigram' : 'WordPiece';
  const model = readComponent('model', MODEL, { type: implied, ...json });
  switch (model.type) {
    case 'WordPiece':
      return createWordPiece(model);
    case 'BPE':
      return createBpe(model);
    case 'Unigram':
      return createUnigramModel(model);
  }
}
