/**
 * The tokens in the files beside a vocabulary: tokenizer_config.json, special_tokens_map.json, added_tokens.json and the
 * `added_tokens` of tokenizer.json, with the precedence of `transformers` 5. No I/O.
 */
import * as v from 'valibot';

import { checkFields } from './fields.ts';

export const ROLES = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask'] as const;
export type Role = (typeof ROLES)[number];
/** The names of the roles. Those that every text needs are always there. */
export type Names = Readonly<Partial<Record<Role, string>> & Record<'unk' | 'sep' | 'cls' | 'mask', string>>;

/** The settings of all classes. */
export interface Flags {
  readonly do_lower_case?: boolean | undefined;
  readonly strip_accents?: boolean | null | undefined;
  readonly tokenize_chinese_chars?: boolean | undefined;
  readonly keep_accents?: boolean | undefined;
  readonly add_prefix_space?: boolean | undefined;
  readonly trim_offsets?: boolean | undefined;
}
export const FLAGS = [
  'do_lower_case',
  'strip_accents',
  'tokenize_chinese_chars',
  'keep_accents',
  'add_prefix_space',
  'trim_offsets',
] as const satisfies readonly (keyof Flags)[];

/** A token of `tokenizer.json`, without its id. */
export interface Token {
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

const TOKEN = v.object({
  content: v.pipe(v.string(), v.minLength(1)),
  single_word: v.optional(v.boolean(), false),
  lstrip: v.optional(v.boolean(), false),
  rstrip: v.optional(v.boolean(), false),
  normalized: v.optional(v.boolean()),
  special: v.optional(v.boolean()),
});
type GivenToken = string | v.InferOutput<typeof TOKEN>;
const GIVEN = v.union([v.string(), TOKEN]);
const LIST = v.nullish(v.union([v.array(GIVEN), v.record(v.string(), GIVEN)]));

const CONFIG = v.looseObject({
  do_lower_case: v.optional(v.boolean()),
  keep_accents: v.optional(v.boolean()),
  strip_accents: v.nullish(v.boolean()),
  tokenize_chinese_chars: v.optional(v.boolean()),
  add_prefix_space: v.optional(v.boolean()),
  trim_offsets: v.optional(v.boolean()),
  tokenizer_class: v.nullish(v.string()),
  added_tokens_decoder: v.optional(v.record(v.string(), TOKEN)),
  additional_special_tokens: LIST,
  extra_special_tokens: LIST,
  model_specific_special_tokens: v.nullish(
    v.pipe(
      v.custom<object>((value) => !Array.isArray(value), 'Expected an object, and it is a list'),
      v.record(v.string(), GIVEN),
    ),
  ),
  model_input_names: v.optional(v.array(v.string())),
});
const MAP = v.looseObject({ additional_special_tokens: LIST, extra_special_tokens: LIST });
const ADDED = v.record(v.string(), v.pipe(v.number(), v.integer(), v.minValue(0)));
const ADDED_TOKENS = v.array(v.object({ id: v.number(), ...TOKEN.entries }));

/** The parsed files of a folder; undefined for a missing file. */
export interface TokenFiles {
  readonly config?: unknown;
  readonly map?: unknown;
  readonly added?: unknown;
  /** `added_tokens` of tokenizer.json. */
  readonly fast?: unknown;
}

export interface Sources {
  /** The settings in tokenizer_config.json. */
  readonly flags: Flags;
  /** The roles that a file names; null if a file says that there is no such token. */
  readonly named: Readonly<Partial<Record<Role, GivenToken | null>>>;
  /** Special tokens without a known role. */
  readonly extra: readonly GivenToken[];
  /** By their ids, with the name of the file. */
  readonly declared: ReadonlyMap<number, { readonly token: Token; readonly file: string }>;
  /** Whether the model is fed the types of segments, by `model_input_names`; undefined where no file says it. */
  readonly feedsTypes: boolean | undefined;
  /** The files that were used. */
  readonly files: readonly string[];
}

export const CONFIG_FILE = 'tokenizer_config.json';
export const MAP_FILE = 'special_tokens_map.json';
export const ADDED_FILE = 'added_tokens.json';
export const FAST_FILE = 'tokenizer.json';

/** @throws naming the file and the field that is wrong or unknown, or the two files that contradict each other */
export function readSources(files: TokenFiles): Sources {
  const config = parse(CONFIG_FILE, CONFIG, files.config ?? {});
  const map = parse(MAP_FILE, MAP, files.map ?? {});
  checkFields(CONFIG_FILE, config, { hasTokenizerJson: files.fast !== undefined });
  checkFields(MAP_FILE, map);
  const fromConfig = rolesOf(CONFIG_FILE, config);
  const fromMap = rolesOf(MAP_FILE, map);
  for (const role of ROLES) {
    const [one, other] = [fromConfig[role], fromMap[role]];
    if (one && other && contentOf(one) !== contentOf(other)) {
      throw new Error(
        `${CONFIG_FILE} and ${MAP_FILE} contradict each other: ${role}_token is ${contentOf(one)} in the one and ` +
          `${contentOf(other)} in the other`,
      );
    }
  }

  // If the first file lists tokens, the reference does not read the others.
  const { added_tokens_decoder } = config;
  const named = added_tokens_decoder ? fromConfig : { ...fromConfig, ...fromMap };
  const lists = [
    [CONFIG_FILE, 'extra_special_tokens', config.extra_special_tokens],
    [CONFIG_FILE, 'additional_special_tokens', config.additional_special_tokens],
    ...(added_tokens_decoder
      ? []
      : ([
          [MAP_FILE, 'extra_special_tokens', map.extra_special_tokens],
          [MAP_FILE, 'additional_special_tokens', map.additional_special_tokens],
        ] as const)),
  ] as const;
  // The reference adds those with a name first.
  const extra = [
    ...namedTokens(config),
    ...(added_tokens_decoder ? [] : otherTokens(map)),
    ...oneList(lists.map(([file, field, list]) => ({ name: `${field} of ${file}`, list: listOf(list) }))),
  ];
  const declared = new Map<number, { token: Token; file: string }>();
  if (added_tokens_decoder) {
    for (const [id, given] of Object.entries(added_tokens_decoder)) {
      declared.set(Number(id), { token: toToken(given, false), file: CONFIG_FILE });
    }
  } else {
    const special = new Set([...ROLES.flatMap((role) => named[role] ?? []), ...extra].map(contentOf));
    for (const [content, id] of Object.entries(parse(ADDED_FILE, ADDED, files.added ?? {}))) {
      declared.set(id, {
        token: toToken({ content, single_word: false, lstrip: false, rstrip: false }, special.has(content)),
        file: ADDED_FILE,
      });
    }
    for (const { id, ...given } of parse(FAST_FILE, ADDED_TOKENS, files.fast ?? [])) {
      declared.set(id, { token: toToken(given, false), file: FAST_FILE });
    }
  }
  return {
    flags: Object.fromEntries(FLAGS.flatMap((flag) => (config[flag] === undefined ? [] : [[flag, config[flag]]]))),
    named,
    extra,
    declared,
    feedsTypes: config.model_input_names?.includes('token_type_ids'),
    files: [files.config && CONFIG_FILE, files.map && MAP_FILE, files.added && ADDED_FILE].filter(
      (file): file is string => typeof file === 'string',
    ),
  };
}

export const contentOf = (given: GivenToken): string => (typeof given === 'string' ? given : given.content);

/** @param special the default: a special token is found before a text is normalized */
export function toToken(given: GivenToken, special: boolean): Token {
  if (typeof given === 'string') {
    return { content: given, single_word: false, lstrip: false, rstrip: false, normalized: !special, special };
  }
  const isSpecial = given.special ?? special;
  return { ...given, special: isSpecial, normalized: given.normalized ?? !isSpecial };
}

function rolesOf(file: string, fields: Readonly<Record<string, unknown>>): Sources['named'] {
  return Object.fromEntries(
    ROLES.flatMap((role) => {
      const value = fields[`${role}_token`];
      return value === undefined ? [] : [[role, value === null ? null : parse(`${file}: ${role}_token`, GIVEN, value)]];
    }),
  );
}

/** Tokens with roles that only some models have, such as `image_token`. */
function otherTokens(fields: Readonly<Record<string, unknown>>): GivenToken[] {
  return Object.entries(fields).flatMap(([field, value]) => {
    const token = v.safeParse(GIVEN, value);
    return field.endsWith('_token') && !isRole(field) && token.success ? [token.output] : [];
  });
}

const isRole = (field: string): boolean => ROLES.some((role) => field === `${role}_token`);

/** @throws if a list of them contradicts another field */
function namedTokens(config: v.InferOutput<typeof CONFIG>): GivenToken[] {
  const { model_specific_special_tokens, extra_special_tokens } = config;
  const listed = Object.entries(model_specific_special_tokens ?? {});
  const others = otherTokens(config);
  const known = [...others, ...(Array.isArray(extra_special_tokens) ? [] : listOf(extra_special_tokens))].map(
    contentOf,
  );
  for (const [name, token] of listed) {
    const content = contentOf(token);
    // The reference leaves out the whole list if there are others.
    if (isRole(name) || (known.length > 0 && !known.includes(content))) {
      const other = isRole(name) ? name : 'another field';
      throw new Error(
        `${CONFIG_FILE}: model_specific_special_tokens has ${name} ${content}, which contradicts ${other}: set it in one place`,
      );
    }
  }
  return known.length > 0 ? others : listed.map(([, token]) => token);
}

/**
 * The first list that is not empty: the reference reads no other.
 * @throws if another list has a token that it lacks
 */
function oneList(
  lists: readonly { readonly name: string; readonly list: readonly GivenToken[] }[],
): readonly GivenToken[] {
  const [first, ...others] = lists.filter(({ list }) => list.length > 0);
  const known = new Set(first?.list.map(contentOf));
  for (const { name, list } of others) {
    const missing = list.map(contentOf).find((content) => !known.has(content));
    if (missing !== undefined) {
      throw new Error(`${first?.name} and ${name} contradict each other: only the second has ${missing}`);
    }
  }
  return first?.list ?? [];
}

const listOf = (list: v.InferOutput<typeof LIST>): GivenToken[] => Object.values(list ?? {});

function parse<S extends v.GenericSchema>(file: string, schema: S, value: unknown): v.InferOutput<S> {
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const path = v.getDotPath(issue);
  throw new Error(`${file}: ${path ? `${path}: ` : ''}${issue.message}`);
}
