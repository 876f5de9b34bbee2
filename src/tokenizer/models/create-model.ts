/** Creates the `model` of a tokenizer. No I/O. */
import { MODEL, readComponent } from '../tokenizer-json.ts';
import { MAX_PIECE_LENGTH } from '../tokenizer-limits.ts';
import type { TokenizerFile } from '../vocabulary/format.ts';
import { createMerges } from '../vocabulary/merges.ts';
import { createVocabulary } from '../vocabulary/vocabulary.ts';
import { createBpe } from './bpe.ts';
import type { Model } from './model.ts';
import { createUnigramModel } from './unigram.ts';
import { createWordPiece } from './wordpiece.ts';

/** @throws naming the field that is not supported */
export function createModel({ json, pieces, scores, merges }: TokenizerFile): Model {
  const model = readComponent('model', MODEL, json['model']);
  const vocabulary = createVocabulary(pieces);
  if (model.type !== 'BPE' && pieces.longest > MAX_PIECE_LENGTH) {
    throw new Error(
      `tokenizer.json: model.vocab is not supported: it has a piece of ${pieces.longest} characters; the limit is ${MAX_PIECE_LENGTH}`,
    );
  }
  switch (model.type) {
    case 'WordPiece':
      return createWordPiece(model, vocabulary);
    case 'BPE':
      return createBpe(model, vocabulary, createMerges(merges, vocabulary.size));
    case 'Unigram':
      return createUnigramModel(model, vocabulary, scores);
  }
}
