/**
 * Every known field of a tokenizer's files: it is used, has no effect here for a reason, or is refused. A field that is not in the
 * table is refused by name. No I/O.
 */

/** True if the field is used; the reason why it has no effect; or a check that returns the reason to refuse its value. */
type Rule = true | string | ((value: unknown, context: FieldContext) => string | undefined);

interface FieldContext {
  readonly hasTokenizerJson?: boolean;
}

const unless =
  (why: string, ...accepted: readonly unknown[]): Rule =>
  (value) =>
    accepted.includes(value) || (Array.isArray(value) && value.length === 0) ? undefined : why;

const SIZES = 'texts are neither truncated nor padded by it: the positions of the model are the limit';
const NOT_OF_IDS = 'ids do not depend on it';
const PATH = 'the path or name under which it was saved';
const endToken: Rule = (value, { hasTokenizerJson }) =>
  hasTokenizerJson || value === undefined
    ? undefined // The reference drops it beside a tokenizer.json.
    : 'it changes the tokens around a text, which needs a tokenizer.json';

const FIELDS: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
  'tokenizer_config.json': {
    tokenizer_class: true,
    do_lower_case: true,
    strip_accents: true,
    tokenize_chinese_chars: true,
    keep_accents: true,
    add_prefix_space: true,
    trim_offsets: true,
    added_tokens_decoder: true,
    additional_special_tokens: true,
    extra_special_tokens: true,
    model_specific_special_tokens: true,
    split_special_tokens: unless('a mask in a text would be split into pieces', false),
    do_basic_tokenize: unless('texts would be split at whitespace only, which no fast tokenizer does', true, null),
    never_split: unless('no fast tokenizer supports it', null),
    sp_model_kwargs: (value) =>
      JSON.stringify(value) === '{}' || value === null
        ? undefined
        : 'pieces would be chosen in another way, or at random',
    remove_space: unless('spaces would be kept, which no fast tokenizer does', true),
    fast_tokenizer_files: unless('the tokenizer would be in a file of another name'),
    add_bos_token: endToken,
    add_eos_token: endToken,
    auto_map: unless('it names code in the repository, which is not run', null),
    from_slow: unless('the tokenizer would be read from files other than tokenizer.json', false, null),
    wordpieces_prefix: unless('pieces that continue a word would have another sign', '##'),
    errors: 'about invalid bytes, which always become U+FFFD',
    clean_up_tokenization_spaces: 'about the text between pieces: a single piece is decoded the same',
    clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output: 'about the text between pieces',
    model_max_length: SIZES,
    max_len: SIZES,
    max_length: SIZES,
    stride: SIZES,
    padding: SIZES,
    truncation: SIZES,
    padding_side: SIZES,
    truncation_side: SIZES,
    truncation_strategy: SIZES,
    pad_to_multiple_of: SIZES,
    pad_token_type_id: SIZES,
    model_input_names: true,
    backend: NOT_OF_IDS,
    chat_template: NOT_OF_IDS,
    is_local: NOT_OF_IDS,
    legacy: 'only classes that are refused read it',
    local_files_only: NOT_OF_IDS,
    init_inputs: unless('a saved argument without a name', null),
    processor_class: NOT_OF_IDS,
    use_fast: NOT_OF_IDS,
    verbose: NOT_OF_IDS,
    return_token_type_ids: NOT_OF_IDS,
    cache_dir: PATH,
    full_tokenizer_file: PATH,
    merges_file: PATH,
    name_or_path: PATH,
    special_tokens_map_file: PATH,
    tokenizer_file: PATH,
    tokenizer_name: PATH,
    unk_id: 'a saved copy: the vocabulary says it',
    transformers_version: PATH,
    vocab_file: PATH,
  },
  'special_tokens_map.json': { additional_special_tokens: true, extra_special_tokens: true },
  'tokenizer.json': {
    version: 'there is only one version',
    added_tokens: true,
    normalizer: true,
    pre_tokenizer: true,
    post_processor: true,
    decoder: true,
    model: true,
    truncation: SIZES,
    padding: SIZES,
  },
};

/** @throws naming the field that is refused or unknown */
export function checkFields(file: string, fields: Readonly<Record<string, unknown>>, context: FieldContext = {}): void {
  const rules = FIELDS[file] ?? {};
  for (const [field, value] of Object.entries(fields)) {
    // A token of any role, which sources.ts reads.
    if (field.endsWith('_token') && !Object.hasOwn(rules, field)) continue;
    if (!Object.hasOwn(rules, field)) {
      throw new Error(`${file}: the field ${field} is unknown: if ids do not depend on it, remove it from the file`);
    }
    const rule = rules[field];
    const why = typeof rule === 'function' ? rule(value, context) : undefined;
    if (why) throw new Error(`${file}: ${field} is ${JSON.stringify(value)}: ${why}`);
  }
}
