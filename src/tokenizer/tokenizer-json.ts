/**
 * The components of a `tokenizer.json` and their fields. A component that is not supported is refused by its name.
 * Parsing only, no I/O.
 */
import * as v from 'valibot';

import { readPattern } from './patterns.ts';
import {
  MAX_ADDED_TOKEN_LENGTH,
  MAX_PREFIX_LENGTH,
  MAX_STAGE_DEPTH,
  MAX_STAGE_STEPS,
  MAX_TEMPLATE_LENGTH,
} from './tokenizer-limits.ts';

/** What is wrong with a pattern, or nothing. */
function faultOf(given: Parameters<typeof readPattern>[0]): string {
  try {
    readPattern(given);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
const pattern = v.pipe(
  v.union([v.strictObject({ String: v.string() }), v.strictObject({ Regex: v.string() })]),
  v.check(
    (given) => faultOf(given) === '',
    ({ input }) => faultOf(input),
  ),
);
const template = <const S extends v.GenericSchema>(one: S) => v.pipe(v.array(one), v.maxLength(MAX_TEMPLATE_LENGTH));
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
  v.object({ type: v.literal('Prepend'), prepend: v.pipe(v.string(), v.maxLength(MAX_PREFIX_LENGTH)) }),
  v.object({ type: v.literal('Strip'), strip_left: v.boolean(), strip_right: v.boolean() }),
  /** Its `precompiled_charsmap` is a table (vocabulary/format.ts). */
  of('Precompiled'),
]);
export type NormalizerJson = v.InferOutput<typeof NORMALIZER>;

const METASPACE = v.object({
  type: v.literal('Metaspace'),
  replacement: v.pipe(
    v.string(),
    v.check((text) => Array.from(text).length === 1, 'it must be one character'),
  ),
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
    single: template(piece),
    /** Required only for pairs of texts. */
    pair: v.nullish(template(piece)),
    special_tokens: v.record(v.string(), v.object({ ids: template(v.number()) })),
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
  content: v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_ADDED_TOKEN_LENGTH)),
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

/**
 * @returns the components of a stage in order: those in field `list` if it is a `Sequence`, none if it is null
 * @throws naming what is not supported, or too deep a sequence, or too many steps
 */
export function readStage<S extends v.GenericSchema>(
  stage: string,
  list: string,
  schema: S,
  json: unknown,
): v.InferOutput<S>[] {
  const found: v.InferOutput<S>[] = [];
  const read = (path: string, component: unknown, depth: number) => {
    if (component === null || component === undefined) return;
    const sequence = v.safeParse(v.object({ type: v.literal('Sequence'), [list]: v.array(v.unknown()) }), component);
    if (!sequence.success) {
      found.push(readComponent(path, schema, component));
      if (found.length > MAX_STAGE_STEPS) {
        throw new Error(`tokenizer.json: ${path} is not supported: ${stage} has more than ${MAX_STAGE_STEPS} steps`);
      }
      return;
    }
    if (depth > MAX_STAGE_DEPTH) {
      throw new Error(
        `tokenizer.json: ${stage} is not supported: a Sequence is within more than ${MAX_STAGE_DEPTH} others`,
      );
    }
    const components: unknown[] = Object.values(sequence.output).filter(Array.isArray).flat();
    for (const [i, one] of components.entries()) read(`${path}.${list}.${i}`, one, depth + 1);
  };
  read(stage, json, 1);
  return found;
}
