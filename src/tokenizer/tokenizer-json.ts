/**
 * The components of a `tokenizer.json` and their fields. A component that is not supported is refused by its name.
 * Parsing only, no I/O.
 */
import * as v from 'valibot';

import { escapePattern } from './escape-pattern.ts';

const pattern = v.union([v.strictObject({ String: v.string() }), v.strictObject({ Regex: v.string() })]);
/** A token and its id. */
const named = v.tuple([v.string(), v.number()]);
const of = <const T extends string>(type: T) => v.object({ type: v.literal(type) });

export const NORMALIZER = v.variant('type', [
  v.object({
    type: v.literal('BertNormalizer'),
    clean_text: v.boolean(),
    handle_chinese_chars: v.boolean(),
    /** Null means the value of `lowercase`. */
    strip_accents: v.nullish(v.boolean()),
    lowercase: v.boolean(),
  }),
  v.object({ type: v.picklist(['NFC', 'NFD', 'NFKC', 'NFKD']) }),
  of('StripAccents'),
  of('Lowercase'),
  of('Nmt'),
  v.object({ type: v.literal('Replace'), pattern, content: v.string() }),
  v.object({ type: v.literal('Prepend'), prepend: v.string() }),
  v.object({ type: v.literal('Strip'), strip_left: v.boolean(), strip_right: v.boolean() }),
  /** Its `precompiled_charsmap` is a table (vocabulary/format.ts). */
  of('Precompiled'),
]);
export type NormalizerJson = v.InferOutput<typeof NORMALIZER>;

const METASPACE = v.object({
  type: v.literal('Metaspace'),
  replacement: v.string(),
  prepend_scheme: v.optional(v.picklist(['always', 'first', 'never']), 'always'),
  split: v.optional(v.boolean(), true),
  /** In older files, instead of `prepend_scheme`. */
  add_prefix_space: v.optional(v.boolean(), true),
});

export const PRE_TOKENIZER = v.variant('type', [
  of('BertPreTokenizer'),
  of('Whitespace'),
  of('WhitespaceSplit'),
  v.object({ type: v.literal('Punctuation'), behavior: v.optional(v.literal('Isolated')) }),
  v.object({
    type: v.literal('ByteLevel'),
    add_prefix_space: v.boolean(),
    use_regex: v.optional(v.boolean(), true),
  }),
  METASPACE,
]);
export type PreTokenizerJson = v.InferOutput<typeof PRE_TOKENIZER>;

const absent = v.nullish(v.literal(''));
const no = v.optional(v.literal(false));

/** Without `vocab` and `merges`, which are tables (vocabulary/format.ts). */
export const MODEL = v.variant('type', [
  v.object({
    type: v.literal('WordPiece'),
    unk_token: v.string(),
    continuing_subword_prefix: v.string(),
    max_input_chars_per_word: v.number(),
  }),
  v.object({
    type: v.literal('BPE'),
    dropout: v.nullish(v.literal(0)),
    unk_token: v.nullish(v.string()),
    continuing_subword_prefix: absent,
    end_of_word_suffix: absent,
    fuse_unk: v.optional(v.boolean(), false),
    byte_fallback: no,
    ignore_merges: v.optional(v.boolean(), false),
  }),
  v.object({
    type: v.literal('Unigram'),
    unk_id: v.number(),
    byte_fallback: no,
  }),
]);
type ModelJson = v.InferOutput<typeof MODEL>;
export type ModelOf<Type extends ModelJson['type']> = Extract<ModelJson, { type: Type }>;

const piece = v.union([
  v.object({ SpecialToken: v.object({ id: v.string(), type_id: v.number() }) }),
  v.object({ Sequence: v.object({ id: v.picklist(['A', 'B']), type_id: v.number() }) }),
]);

export const POST_PROCESSOR = v.variant('type', [
  v.object({ type: v.literal('BertProcessing'), sep: named, cls: named }),
  v.object({
    type: v.literal('RobertaProcessing'),
    sep: named,
    cls: named,
    trim_offsets: v.boolean(),
    add_prefix_space: v.boolean(),
  }),
  v.object({
    type: v.literal('TemplateProcessing'),
    single: v.array(piece),
    /** Required only for pairs of texts. */
    pair: v.nullish(v.array(piece)),
    special_tokens: v.record(v.string(), v.object({ ids: v.array(v.number()) })),
  }),
  v.object({ type: v.literal('ByteLevel'), trim_offsets: v.boolean(), add_prefix_space: v.boolean() }),
]);
export type PostProcessorJson = v.InferOutput<typeof POST_PROCESSOR>;

export const DECODER = v.variant('type', [
  v.object({ type: v.literal('WordPiece'), prefix: v.string(), cleanup: v.boolean() }),
  of('ByteLevel'),
  METASPACE,
  of('Fuse'),
  v.object({ type: v.literal('Replace'), pattern, content: v.string() }),
  v.object({ type: v.literal('Strip'), content: v.string(), start: v.number(), stop: v.number() }),
]);
export type DecoderJson = v.InferOutput<typeof DECODER>;

const ADDED_TOKEN = v.object({
  id: v.number(),
  content: v.pipe(v.string(), v.minLength(1)),
  single_word: v.boolean(),
  lstrip: v.boolean(),
  rstrip: v.boolean(),
  normalized: v.boolean(),
});
export const ADDED_TOKENS = v.array(ADDED_TOKEN);
export type AddedToken = v.InferOutput<typeof ADDED_TOKEN>;

/** @throws naming the field of `stage` and its allowed values */
export function readComponent<S extends v.GenericSchema>(stage: string, schema: S, json: unknown): v.InferOutput<S> {
  const parsed = v.safeParse(schema, json, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const path = [stage, v.getDotPath(issue)].filter(Boolean).join('.');
  throw new Error(`tokenizer.json: ${path} is not supported: ${issue.message}`);
}

/** @returns the components of a stage in order: those in field `list` if it is a `Sequence`, none if it is null */
export function readStage<S extends v.GenericSchema>(
  stage: string,
  list: string,
  schema: S,
  json: unknown,
): v.InferOutput<S>[] {
  if (json === null || json === undefined) return [];
  const sequence = v.safeParse(v.object({ type: v.literal('Sequence'), [list]: v.array(v.unknown()) }), json);
  if (!sequence.success) return [readComponent(stage, schema, json)];
  const components: unknown[] = Object.values(sequence.output).filter(Array.isArray).flat();
  return components.flatMap((component, i) => readStage(`${stage}.${list}.${i}`, list, schema, component));
}

/** @throws for a pattern that is valid in Oniguruma but not in JavaScript */
export function readPattern(given: v.InferOutput<typeof pattern>): RegExp {
  if ('String' in given) return new RegExp(escapePattern(given.String), 'gu');
  // `\s` and `\d` mean other characters in JavaScript.
  const classes: Record<string, string> = { s: '\\p{White_Space}', S: '\\P{White_Space}', d: '\\p{Nd}', D: '\\P{Nd}' };
  const source = given.Regex.replace(/\\(.)/gsu, (escape: string, letter: string) => classes[letter] ?? escape);
  try {
    return new RegExp(source, 'gu');
  } catch (cause) {
    throw new Error(`tokenizer.json: the pattern ${given.Regex} is not supported`, { cause });
  }
}
