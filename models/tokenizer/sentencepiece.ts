/**
 * Converts a SentencePiece model file to the `model` of a `tokenizer.json`. Field numbers are those of sentencepiece_model.proto
 * (https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto). No I/O.
 */
import { BinaryReader, type WireType } from '@bufbuild/protobuf/wire';

import { type Names, type Token, toToken } from './sources.ts';
import type { ModelJson } from './vocabulary.ts';

/** ModelProto.SentencePiece.Type */
const NORMAL = 1;
const CONTROL = 3;
const USER_DEFINED = 4;
/** TrainerSpec.ModelType */
const UNIGRAM = 1;

interface Piece {
  readonly text: string;
  readonly score: number;
  readonly type: number;
}

interface SentencePieceModel {
  readonly pieces: readonly Piece[];
  readonly model_type: number;
  readonly unk_id: number;
  readonly byte_fallback: boolean;
  readonly charsmap: Uint8Array;
}

/** The parts of a SentencePiece model that are read: the pieces in order, and the normalization rules. */
export interface Unigram {
  readonly vocab: readonly (readonly [piece: string, score: number])[];
  readonly unk_id: number;
  /** In Base64; undefined if there are no rules. */
  readonly charsmap: string | undefined;
  /** Pieces at which a text is split, special or not. */
  readonly symbols: readonly Token[];
}

/**
 * @param bytes of the file `name`
 * @throws if it is not a complete unigram model, or has byte fallback
 */
export function readUnigramModel(bytes: Uint8Array, name: string): Unigram {
  const { pieces, model_type, unk_id, byte_fallback, charsmap } = readModel(bytes, name);
  if (model_type !== UNIGRAM) throw new Error(`${name}: the model is of type ${model_type}, not a unigram model`);
  if (byte_fallback) throw new Error(`${name}: byte fallback is not supported`);
  return {
    vocab: pieces.map(({ text, score }) => [text, score] as const),
    unk_id,
    charsmap: charsmap.length > 0 ? Buffer.from(charsmap).toString('base64') : undefined,
    symbols: pieces
      .filter(({ type }) => type === CONTROL || type === USER_DEFINED)
      .map(({ text, type }) => symbolOf(text, type === CONTROL)),
  };
}

const symbolOf = (text: string, isSpecial: boolean): Token => ({ ...toToken(text, isSpecial), normalized: false });

/** Special tokens have no likelihood. */
const special = (...tokens: (string | undefined)[]) => tokens.map((token) => [token ?? '', 0] as const);

/**
 * The pieces with the ids of a class: RoBERTas have their special tokens before those of SentencePiece.
 * @throws if the class expects the unknown piece elsewhere
 */
export function unigramModel({ vocab, unk_id }: Unigram, name: string, class_: string, names: Names): ModelJson {
  switch (class_) {
    case 'CamembertTokenizer': {
      const before = special('<s>NOTUSED', names.pad, '</s>NOTUSED', names.unk);
      const all = [...before, ['<unk>NOTUSED', -100] as const, ...vocab.slice(1), ...special(names.mask)];
      return { type: 'Unigram', unk_id: 3, vocab: all, byte_fallback: false };
    }
    case 'XLMRobertaTokenizer': {
      const before = special(names.bos, names.pad, names.eos, names.unk);
      return {
        type: 'Unigram',
        unk_id: 3,
        vocab: [...before, ...vocab.slice(3), ...special(names.mask)],
        byte_fallback: false,
      };
    }
    default:
      if (unk_id !== 1) throw new Error(`${name}: unk_id is ${unk_id}, and ${class_} has its unknown piece at 1`);
      return { type: 'Unigram', unk_id, vocab, byte_fallback: false };
  }
}

function readModel(bytes: Uint8Array, name: string): SentencePieceModel {
  const pieces: Piece[] = [];
  let model_type = UNIGRAM;
  let unk_id = 0;
  let byte_fallback = false;
  let charsmap = new Uint8Array();
  try {
    readFields(bytes, {
      1: (reader) => pieces.push(readPiece(reader.bytes())),
      2: (reader) =>
        readFields(reader.bytes(), {
          3: (field) => (model_type = field.int32()),
          35: (field) => (byte_fallback = field.bool()),
          40: (field) => (unk_id = field.int32()),
        }),
      3: (reader) => readFields(reader.bytes(), { 2: (field) => (charsmap = field.bytes().slice()) }),
    });
  } catch (cause) {
    throw new Error(`${name}: it is not a SentencePiece model, or it is truncated`, { cause });
  }
  if (!pieces[unk_id]) throw new Error(`${name}: unk_id is ${unk_id} of ${pieces.length} pieces`);
  return { pieces, model_type, unk_id, byte_fallback, charsmap };
}

function readPiece(bytes: Uint8Array): Piece {
  let [text, score, type] = ['', 0, NORMAL];
  readFields(bytes, {
    1: (field) => (text = field.string()),
    2: (field) => (score = field.float()),
    3: (field) => (type = field.int32()),
  });
  return { text, score, type };
}

/** Calls the reader for the number of each field of a message, and skips the other fields. */
function readFields(bytes: Uint8Array, fields: Readonly<Record<number, (reader: BinaryReader) => unknown>>): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type]: [number, WireType] = reader.tag();
    const read = fields[number];
    if (read) read(reader);
    else reader.skip(type, number);
  }
}
