/** What `tokenizer_config.json` says of a tokenizer, and what becomes of it in a `tokenizer.json`. No I/O. */
import * as v from 'valibot';

import type { AddedToken } from '../../src/tokenizer/tokenizer-json.ts';

const TOKEN = v.object({
  content: v.string(),
  single_word: v.optional(v.boolean(), false),
  lstrip: v.optional(v.boolean(), false),
  rstrip: v.optional(v.boolean(), false),
  normalized: v.optional(v.boolean(), false),
  special: v.optional(v.boolean(), true),
});
const tokenOrName = v.nullish(v.union([v.string(), TOKEN]));

/** What the ids depend on. All of it may be left out. */
const CONFIG = v.object({
  do_lower_case: v.optional(v.boolean(), true),
  keep_accents: v.optional(v.boolean(), false),
  strip_accents: v.nullish(v.boolean(), null),
  tokenize_chinese_chars: v.optional(v.boolean(), true),
  add_prefix_space: v.optional(v.boolean()),
  trim_offsets: v.optional(v.boolean(), true),
  unk_token: tokenOrName,
  pad_token: tokenOrName,
  cls_token: tokenOrName,
  sep_token: tokenOrName,
  mask_token: tokenOrName,
  added_tokens_decoder: v.optional(v.record(v.string(), TOKEN), {}),
});
export type TokenizerConfig = v.InferOutput<typeof CONFIG>;

const ROLES = ['unk', 'pad', 'cls', 'sep', 'mask'] as const;
export type SpecialNames = Readonly<Record<(typeof ROLES)[number], string>>;

/**
 * @param config the parsed `tokenizer_config.json`, or `{}`
 * @throws naming the field that is wrong
 */
export function readTokenizerConfig(config: unknown): TokenizerConfig {
  const parsed = v.safeParse(CONFIG, config);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new Error(`tokenizer_config.json: ${v.getDotPath(issue) ?? 'it'}: ${issue.message}`);
}

/** @param usual what they are called where the configuration does not say */
export function nameSpecialTokens(config: TokenizerConfig, usual: SpecialNames): SpecialNames {
  const name = (role: keyof SpecialNames) => {
    const given = config[`${role}_token`];
    return (typeof given === 'string' ? given : given?.content) ?? usual[role];
  };
  return { unk: name('unk'), pad: name('pad'), cls: name('cls'), sep: name('sep'), mask: name('mask') };
}

/**
 * What goes into `added_tokens`: the special tokens that the vocabulary has, and what else the configuration adds to it.
 * @param ids of the vocabulary
 * @param strips whether a mask stands for a word with the blanks before it, where the configuration does not say
 * @throws where the vocabulary lacks one; only padding is not needed
 */
export function addSpecialTokens(
  names: SpecialNames,
  config: TokenizerConfig,
  ids: ReadonlyMap<string, number>,
  strips: boolean,
): (AddedToken & { special: boolean })[] {
  const tokens = new Map<number, AddedToken & { special: boolean }>();
  for (const role of ROLES) {
    const id = ids.get(names[role]);
    if (id === undefined && role === 'pad') continue;
    if (id === undefined) throw new Error(`the vocabulary has no ${names[role]}, which is the ${role}_token`);
    const given = config[`${role}_token`];
    const lstrip = strips && role === 'mask';
    tokens.set(id, {
      id,
      ...(typeof given === 'object' && given ? given : v.parse(TOKEN, { content: names[role], lstrip })),
    });
  }
  for (const [id, token] of Object.entries(config.added_tokens_decoder))
    tokens.set(Number(id), { id: Number(id), ...token });
  return Array.from(tokens.values()).toSorted((a, b) => a.id - b.id);
}

const special = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } });
const sequence = (id: 'A' | 'B', type_id: number) => ({ Sequence: { id, type_id } });

/** `<cls> text <sep>`, for one text and for two. */
export function templateOf({ cls, sep }: SpecialNames, ids: ReadonlyMap<string, number>) {
  const single = [special(cls, 0), sequence('A', 0), special(sep, 0)];
  return {
    type: 'TemplateProcessing',
    single,
    pair: [...single, sequence('B', 1), special(sep, 1)],
    special_tokens: {
      [cls]: { id: cls, ids: [ids.get(cls)], tokens: [cls] },
      [sep]: { id: sep, ids: [ids.get(sep)], tokens: [sep] },
    },
  };
}
