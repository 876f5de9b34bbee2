/**
 * The supported tokenizer classes of `transformers`, with the defaults of their settings in version 5 and the stages that follow
 * from them. No I/O.
 */
import type { Flags, Names, Role } from './sources.ts';

/** The stages of a `tokenizer.json` that follow from a class and its settings. */
export const STAGES = ['normalizer', 'pre_tokenizer', 'post_processor', 'decoder'] as const;
export type Stage = (typeof STAGES)[number];
export type Stages = Readonly<Record<Stage, unknown>>;

/** A stage of any kind, or a `Sequence` of them. */
interface StageJson {
  readonly type?: string;
  readonly normalizers?: readonly StageJson[];
  readonly pretokenizers?: readonly StageJson[];
  readonly [field: string]: unknown;
}
export type StagesJson = Readonly<Partial<Record<Stage, StageJson | null>>>;

export interface TokenizerClass {
  readonly name: string;
  readonly model: 'WordPiece' | 'BPE' | 'Unigram';
  /** Files of its vocabulary, if there is no `tokenizer.json`. */
  readonly files: readonly string[];
  readonly names: Partial<Record<Role, string>>;
  /** The roles of the tokens before and after a text. */
  readonly ends: readonly [first: Role, last: Role];
  /** Whether the class feeds the types of segments by default: in `transformers` 5 one does, in 4 most did. */
  readonly feedsTypes?: boolean;
  /** Its settings with their defaults. */
  readonly flags: Flags;
  /** The stages that follow from the settings. */
  readonly concerns: Readonly<Partial<Record<keyof Flags, readonly Stage[]>>>;
  /** Its special tokens without a role. */
  readonly extra?: readonly string[];
  /** The settings of a `tokenizer.json`. A setting is missing if the file has no stage that depends on it. */
  readonly flagsOf: (json: StagesJson) => Flags;
  /** @param charsmap of SentencePiece, in Base64, if any */
  readonly stages: (flags: Flags, names: Names, ids: ReadonlyMap<string, number>, charsmap?: string) => Stages;
}

const special = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } });
const sequence = (id: 'A' | 'B', type_id: number) => ({ Sequence: { id, type_id } });

/** The template `first A last`, and for a pair `first A last [last] B last`. */
function template(first: string, last: string, ids: ReadonlyMap<string, number>, types: 0 | 1, twice: boolean) {
  const single = [special(first, 0), sequence('A', 0), special(last, 0)];
  return {
    type: 'TemplateProcessing',
    single,
    pair: [...single, ...(twice ? [special(last, 0)] : []), sequence('B', types), special(last, types)],
    special_tokens: Object.fromEntries(
      [first, last].map((token) => [token, { id: token, ids: [ids.get(token)], tokens: [token] }]),
    ),
  };
}

const metaspace = (add_prefix_space: boolean | null | undefined) => ({
  type: 'Metaspace',
  replacement: '\u2581',
  prepend_scheme: add_prefix_space ? 'always' : 'never',
  split: true,
});
const bySpace = (flags: Flags) => ({
  type: 'Sequence',
  pretokenizers: [{ type: 'WhitespaceSplit' }, metaspace(flags.add_prefix_space)],
});

/** The Metaspace of a pre-tokenizer, alone or in a sequence. */
function prefixOf({ pre_tokenizer }: StagesJson): Flags {
  const step = [pre_tokenizer, ...(pre_tokenizer?.pretokenizers ?? [])].find((one) => one?.type === 'Metaspace');
  if (!step) return {};
  return { add_prefix_space: step['add_prefix_space'] !== false && (step['prepend_scheme'] ?? 'always') !== 'never' };
}

const BERT: TokenizerClass = {
  name: 'BertTokenizer',
  feedsTypes: true,
  model: 'WordPiece',
  files: ['vocab.txt'],
  names: { unk: '[UNK]', sep: '[SEP]', pad: '[PAD]', cls: '[CLS]', mask: '[MASK]' },
  ends: ['cls', 'sep'],
  flags: { do_lower_case: true, strip_accents: null, tokenize_chinese_chars: true },
  concerns: { do_lower_case: ['normalizer'], strip_accents: ['normalizer'], tokenize_chinese_chars: ['normalizer'] },
  flagsOf({ normalizer }) {
    if (normalizer?.type !== 'BertNormalizer') return {};
    return {
      do_lower_case: normalizer['lowercase'] === true,
      strip_accents: (normalizer['strip_accents'] as boolean | undefined) ?? null,
      tokenize_chinese_chars: normalizer['handle_chinese_chars'] === true,
    };
  },
  stages: (flags, names, ids) => ({
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: flags.tokenize_chinese_chars,
      strip_accents: flags.strip_accents,
      lowercase: flags.do_lower_case,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: template(names.cls, names.sep, ids, 1, false),
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  }),
};

const ROBERTA: TokenizerClass = {
  name: 'RobertaTokenizer',
  model: 'BPE',
  files: ['vocab.json', 'merges.txt'],
  names: { bos: '<s>', eos: '</s>', unk: '<unk>', sep: '</s>', pad: '<pad>', cls: '<s>', mask: '<mask>' },
  ends: ['cls', 'sep'],
  flags: { add_prefix_space: false, trim_offsets: true },
  concerns: { add_prefix_space: ['pre_tokenizer', 'post_processor'], trim_offsets: ['post_processor'] },
  flagsOf: ({ pre_tokenizer, post_processor }) => ({
    ...(pre_tokenizer?.type === 'ByteLevel' && { add_prefix_space: pre_tokenizer['add_prefix_space'] as boolean }),
    ...(post_processor?.type === 'RobertaProcessing' && { trim_offsets: post_processor['trim_offsets'] as boolean }),
  }),
  stages: ({ add_prefix_space, trim_offsets }, names, ids) => ({
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space, trim_offsets: true, use_regex: true },
    post_processor: {
      type: 'RobertaProcessing',
      sep: [names.sep, ids.get(names.sep)],
      cls: [names.cls, ids.get(names.cls)],
      trim_offsets,
      add_prefix_space,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  }),
};

const ALBERT: TokenizerClass = {
  name: 'AlbertTokenizer',
  model: 'Unigram',
  files: ['spiece.model'],
  names: { bos: '[CLS]', eos: '[SEP]', unk: '<unk>', sep: '[SEP]', pad: '<pad>', cls: '[CLS]', mask: '[MASK]' },
  ends: ['cls', 'sep'],
  flags: { do_lower_case: true, keep_accents: false, add_prefix_space: true },
  concerns: {
    do_lower_case: ['normalizer'],
    keep_accents: ['normalizer'],
    add_prefix_space: ['pre_tokenizer', 'decoder'],
  },
  flagsOf(json) {
    const types = json.normalizer?.normalizers?.map(({ type }) => type);
    return {
      ...(types && { do_lower_case: types.includes('Lowercase'), keep_accents: !types.includes('StripAccents') }),
      ...prefixOf(json),
    };
  },
  stages: (flags, names, ids, charsmap) => ({
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Replace', pattern: { String: '``' }, content: '"' },
        { type: 'Replace', pattern: { String: "''" }, content: '"' },
        ...(flags.keep_accents ? [] : [{ type: 'NFKD' }, { type: 'StripAccents' }]),
        ...(flags.do_lower_case ? [{ type: 'Lowercase' }] : []),
        ...(charsmap ? [{ type: 'Precompiled', precompiled_charsmap: charsmap }] : []),
      ],
    },
    pre_tokenizer: bySpace(flags),
    post_processor: template(names.cls, names.sep, ids, 1, false),
    decoder: metaspace(flags.add_prefix_space),
  }),
};

/** RoBERTas with a unigram model of SentencePiece. */
const XLM_ROBERTA: TokenizerClass = {
  ...ROBERTA,
  name: 'XLMRobertaTokenizer',
  model: 'Unigram',
  files: ['sentencepiece.bpe.model'],
  ends: ['bos', 'eos'],
  flags: { add_prefix_space: true },
  concerns: { add_prefix_space: ['pre_tokenizer', 'decoder'] },
  flagsOf: prefixOf,
  stages: (flags, names, ids, charsmap) => ({
    normalizer: charsmap ? { type: 'Precompiled', precompiled_charsmap: charsmap } : null,
    pre_tokenizer: bySpace(flags),
    post_processor: template(names.bos ?? '', names.eos ?? '', ids, 0, true),
    decoder: metaspace(flags.add_prefix_space),
  }),
};
const CAMEMBERT: TokenizerClass = {
  ...XLM_ROBERTA,
  name: 'CamembertTokenizer',
  extra: ['<s>NOTUSED', '</s>NOTUSED', '<unk>NOTUSED'],
};

/** By the name in a file, without "Fast". */
const CLASSES: Readonly<Record<string, TokenizerClass>> = {
  BertTokenizer: BERT,
  DistilBertTokenizer: { ...BERT, feedsTypes: false },
  ElectraTokenizer: BERT,
  MobileBertTokenizer: BERT,
  RobertaTokenizer: ROBERTA,
  AlbertTokenizer: ALBERT,
  CamembertTokenizer: CAMEMBERT,
  XLMRobertaTokenizer: XLM_ROBERTA,
};
/** Classes that add nothing to `tokenizer.json`. */
const PLAIN: ReadonlySet<string> = new Set(['PreTrainedTokenizer', 'TokenizersBackend']);

/** The class of a `model_type` of config.json, if no file names one. */
const OF_FAMILY: Readonly<Record<string, TokenizerClass>> = {
  albert: ALBERT,
  bert: BERT,
  camembert: CAMEMBERT,
  distilbert: BERT,
  electra: BERT,
  roberta: ROBERTA,
  'xlm-roberta': XLM_ROBERTA,
};

/** Why other well-known classes are not supported. */
const REFUSED: Readonly<Record<string, string>> = {
  BertJapaneseTokenizer:
    'it splits words with a morphological analyser (MeCab, Sudachi or Juman++), which is not included',
  HerbertTokenizer: 'it is a BPE with end-of-word signs and its own word splitter',
  PhobertTokenizer: 'it reads bpe.codes, and texts that a Vietnamese word splitter has segmented',
  T5Tokenizer: 'it belongs to a model that generates text, with other tokens around a text',
};

/**
 * @param named by tokenizer_config.json or config.json
 * @returns undefined for the classes that add nothing to `tokenizer.json`
 * @throws for every class that is not supported
 */
export function findClass(named: string, file: string): TokenizerClass | undefined {
  const name = named.replace(/Fast$/, '');
  if (PLAIN.has(name)) return undefined;
  const found = Object.hasOwn(CLASSES, name) ? CLASSES[name] : undefined;
  if (found) return found;
  const why = REFUSED[name] ?? `supported are ${[...Object.keys(CLASSES), 'PreTrainedTokenizerFast'].join(', ')}`;
  throw new Error(
    `${file}: tokenizer_class is ${named}: ${why}. If a tokenizer.json beside it gives the same ids, set tokenizer_class to ` +
      'PreTrainedTokenizerFast',
  );
}

/** @param files the names in the folder, in case config.json names no family */
export function classOfFamily(model_type: unknown, files: ReadonlySet<string>): TokenizerClass | undefined {
  if (typeof model_type === 'string') return OF_FAMILY[model_type];
  return [ALBERT, BERT, ROBERTA].find((one) => one.files.every((file) => files.has(file)));
}

/** All files that a class may read its vocabulary from, except tokenizer.json. */
export const VOCABULARY_FILES: readonly (readonly string[])[] = [BERT, ROBERTA, ALBERT, XLM_ROBERTA].map(
  ({ files }) => files,
);
