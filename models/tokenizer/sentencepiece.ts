/**
 * From SentencePiece's `spiece.model` to a `tokenizer.json`, as `transformers` 5 reads ALBERT's. Field numbers are
 * those of sentencepiece_model.proto
 * (https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto). No I/O.
 */
import { BinaryReader, type WireType } from '@bufbuild/protobuf/wire';

import { addSpecialTokens, nameSpecialTokens, readTokenizerConfig, templateOf } from './tokenizer-config.ts';

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

/**
 * @param bytes of `spiece.model`
 * @param config the parsed `tokenizer_config.json`, or `{}`
 * @returns the text of a `tokenizer.json`
 * @throws where it is no unigram model that is whole, or has byte fallback
 */
export function tokenizerJsonFromSentencePiece(bytes: Uint8Array, config: unknown): string {
  const { pieces, model_type, unk_id, byte_fallback, charsmap } = readModel(bytes);
  if (model_type !== UNIGRAM) throw new Error(`spiece.model: the model is of type ${model_type}, not a unigram model`);
  if (byte_fallback) throw new Error('spiece.model: byte fallback is not supported');
  const settings = readTokenizerConfig(config);
  const names = nameSpecialTokens(settings, {
    unk: '<unk>',
    pad: '<pad>',
    cls: '[CLS]',
    sep: '[SEP]',
    mask: '[MASK]',
  });
  const ids = new Map(pieces.map(({ text }, id) => [text, id]));
  const special = addSpecialTokens(names, settings, ids, false);
  const known = new Set(special.map(({ id }) => id));
  // A text is cut at these as well, and what is behind one begins with a blank.
  const symbols = pieces.flatMap(({ text: content, type }, id) =>
    (type === CONTROL || type === USER_DEFINED) && !known.has(id)
      ? [
          {
            id,
            content,
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: false,
            special: type === CONTROL,
          },
        ]
      : [],
  );
  const metaspace = {
    type: 'Metaspace',
    replacement: '\u2581',
    prepend_scheme: (settings.add_prefix_space ?? true) ? 'always' : 'never',
    split: true,
  };
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [...special, ...symbols].toSorted((a, b) => a.id - b.id),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Replace', pattern: { String: '``' }, content: '"' },
        { type: 'Replace', pattern: { String: "''" }, content: '"' },
        ...(settings.keep_accents ? [] : [{ type: 'NFKD' }, { type: 'StripAccents' }]),
        ...(settings.do_lower_case ? [{ type: 'Lowercase' }] : []),
        ...(charsmap.length > 0
          ? [{ type: 'Precompiled', precompiled_charsmap: Buffer.from(charsmap).toString('base64') }]
          : []),
      ],
    },
    pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, metaspace] },
    post_processor: templateOf(names, ids),
    decoder: metaspace,
    model: {
      type: 'Unigram',
      unk_id,
      vocab: pieces.map(({ text, score }) => [text, score]),
      byte_fallback: false,
    },
  });
}

function readModel(bytes: Uint8Array): SentencePieceModel {
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
    throw new Error('spiece.model: it is no SentencePiece model, or it is cut short', { cause });
  }
  if (!pieces[unk_id]) throw new Error(`spiece.model: unk_id is ${unk_id} of ${pieces.length} pieces`);
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

/** Hands each field of a message to the one that is there for its number, and skips the others. */
function readFields(bytes: Uint8Array, fields: Readonly<Record<number, (reader: BinaryReader) => unknown>>): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type]: [number, WireType] = reader.tag();
    const read = fields[number];
    if (read) read(reader);
    else reader.skip(type, number);
  }
}
