/** Reads the tokenizer in a checkpoint's folder, in any of its forms, as a `tokenizer.json`. Reads files. */
import { readdir } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';

import * as v from 'valibot';

import { createTokenizer } from '../../src/tokenizer/create-tokenizer.ts';
import { findMasks } from '../../src/tokenizer/masks.ts';
import type { SpecialToken, SpecialTokens, Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { readJson, readBytes, readText } from '../checkpoint/files.ts';
import { type AddedToken, addTokens, idOf, loadAddedTokens, type Vocabulary } from './added-tokens.ts';
import { checkDepth } from './depth.ts';
import { packTokenizer } from './pack.ts';
import { classOfFamily, findClass, type StagesJson, type TokenizerClass, VOCABULARY_FILES } from './classes.ts';
import { checkFields } from './fields.ts';
import { checkEnds, withoutTypes } from './post-processor.ts';
import { reconcile } from './reconcile.ts';
import { readUnigramModel, type Unigram, unigramModel } from './sentencepiece.ts';
import {
  ADDED_FILE,
  CONFIG_FILE,
  contentOf,
  FAST_FILE,
  FLAGS,
  type Flags,
  MAP_FILE,
  type Names,
  readSources,
  type Role,
  ROLES,
  type Sources,
} from './sources.ts';
import { bpeModel, type ModelJson, wordPieceModel } from './vocabulary.ts';

/** A tokenizer for serving. */
export interface FoundTokenizer {
  /** The text of a `tokenizer.json`. */
  readonly json: string;
  /** The same in the form that is served, `tokenizer.bin`. */
  readonly packed: Uint8Array<ArrayBuffer>;
  readonly special_tokens: SpecialTokens;
  /** The source of each part, in one line. */
  readonly summary: string;
  /** Whether the reference feeds the types of segments to the model: undefined where its versions differ. */
  readonly feedsTypes: boolean | undefined;
  /** Sentences that a person should read. */
  readonly warnings: readonly string[];
}

const FAST = v.looseObject({
  added_tokens: v.optional(v.array(v.unknown())),
  model: v.looseObject({ vocab: v.custom<object>((vocab) => typeof vocab === 'object' && vocab !== null) }),
});
type FastJson = v.InferOutput<typeof FAST> & StagesJson;

/**
 * @throws naming the file and the field that is missing, wrong, unknown, or contradicts another
 */
export async function readTokenizer(folder: string): Promise<FoundTokenizer> {
  const there = new Set(await readdir(folder));
  const readIfThere = async (name: string, parse?: (text: string) => unknown) =>
    there.has(name) ? readJson(folder, name, parse) : undefined;
  const given = await readIfThere(CONFIG_FILE);
  const config = (await readIfThere('config.json')) ?? {};
  const inConfig = given?.['tokenizer_class'];
  const namedIn = typeof inConfig === 'string' ? CONFIG_FILE : 'config.json';
  const className = inConfig ?? config['tokenizer_class'];
  const named = typeof className === 'string' ? className : '';
  // First of all, since the meaning of other files depends on it.
  const found = named ? findClass(named, namedIn) : classOfFamily(config['model_type'], there);
  // Not Python reads it, so NaN is no number there.
  const fast = readFast(await readIfThere(FAST_FILE, JSON.parse));
  const sources = readSources({
    config: given,
    map: await readIfThere(MAP_FILE),
    added: await readIfThere(ADDED_FILE),
    fast: fast && (fast.added_tokens ?? []),
  });

  if (fast) {
    const type = modelTypeOf(fast.model);
    if (named && found && found.model !== type) {
      throw new Error(
        `${namedIn} and ${FAST_FILE} contradict each other: tokenizer_class is ${named}, a ${found.model}, and model.type is ${type}`,
      );
    }
    // A family has no fixed class: many models have a tokenizer of another.
    const used = found?.model === type ? found : undefined;
    return used ? byClass(used, named, fast, sources) : asItIs(named, fast, sources);
  }
  const files = found?.files ?? [];
  const missing = files.filter((file) => !there.has(file));
  if (!found || missing.length > 0) throw new Error(noTokenizer(folder, there, found, named));
  return ofFiles(found, folder, named, sources);
}

function noTokenizer(
  folder: string,
  there: ReadonlySet<string>,
  found: TokenizerClass | undefined,
  named: string,
): string {
  const others = VOCABULARY_FILES.filter((files) => files.every((file) => there.has(file)));
  const wanted = found
    ? `${found.files.join(' and ')}, which ${found.name} reads`
    : 'a vocabulary that its class reads';
  const hint =
    others.length > 0 && !named
      ? `. It has ${others.flat().join(', ')}: name its tokenizer_class in ${CONFIG_FILE}`
      : '';
  return `${folder} has no tokenizer: neither ${FAST_FILE} nor ${wanted}${hint}`;
}

function readFast(json: unknown): FastJson | undefined {
  if (json === undefined) return undefined;
  checkDepth(json);
  const parsed = v.safeParse(FAST, json);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new Error(`${FAST_FILE}: ${v.getDotPath(issue) ?? 'it'}: ${issue.message}`);
  }
  checkFields(FAST_FILE, parsed.output);
  // Unchanged: the order of its fields is part of the served file.
  return json as FastJson;
}

/** Older files do not name the type. */
function modelTypeOf(model: FastJson['model']): string {
  if (typeof model['type'] === 'string') return model['type'];
  return 'merges' in model ? 'BPE' : Array.isArray(model.vocab) ? 'Unigram' : 'WordPiece';
}

function idsOf({ vocab }: { readonly vocab?: unknown }): Map<string, number> {
  if (Array.isArray(vocab)) return new Map(vocab.map(([piece]: [string, number], id) => [piece, id]));
  return new Map(Object.entries(vocab as Record<string, number>));
}

/** An unchanged `tokenizer.json` with the tokens that other files add. */
function asItIs(named: string, fast: FastJson, sources: Sources): FoundTokenizer {
  const ids = idsOf(fast.model);
  const vocabulary = loadAddedTokens(ids, (fast.added_tokens ?? []) as AddedToken[]);
  const names = Object.fromEntries(
    ROLES.flatMap((role) => (sources.named[role] ? [[role, contentOf(sources.named[role])]] : [])),
  ) as Partial<Record<Role, string>>;
  addTokens(vocabulary, sources, names, [], false);
  const first = theOne(vocabulary, 'cls', names.cls ?? names.bos, ['[CLS]', '<s>']);
  const last = theOne(vocabulary, 'sep', names.sep ?? names.eos, ['[SEP]', '</s>']);
  const mask = theOne(vocabulary, 'mask', names.mask, ['[MASK]', '<mask>']);
  checkEnds(fast.post_processor, first.id, last.id, `${first.token} and ${last.token}`);
  const model = fast.model as { unk_token?: string | null; unk_id?: number | null };
  const inModel = model.unk_id == null ? (model.unk_token ?? undefined) : Array.from(ids.keys())[model.unk_id];
  const unk = theOne(vocabulary, 'unk', inModel ?? names.unk, ['<unk>', '[UNK]']);
  return finish({ ...fast }, vocabulary, { mask, unk }, [], [named || 'no class', `${FAST_FILE} unchanged`], sources);
}

/** The token of a role: the named one, or the only one of the usual ones. */
function theOne(vocabulary: Vocabulary, role: Role, named: string | undefined, usual: readonly string[]) {
  const tokens = (named === undefined ? usual : [named]).flatMap((token) => {
    const id = idOf(vocabulary, token);
    return id === undefined ? [] : [{ id, token }];
  });
  const [token, ...others] = tokens;
  if (!token) throw new Error(`the vocabulary has no ${named ?? usual.join(' or ')}, which would be the ${role}_token`);
  if (others.length > 0) {
    throw new Error(
      `the vocabulary has ${tokens.map((one) => one.token).join(' and ')}: name the ${role}_token in ${CONFIG_FILE}`,
    );
  }
  return token;
}

/** A `tokenizer.json` with the changes that its class makes by the other files. */
function byClass(found: TokenizerClass, named: string, fast: FastJson, sources: Sources): FoundTokenizer {
  const ids = idsOf(fast.model);
  // The reference starts afresh: the tokens in the file count if no other file declares its own.
  const vocabulary: Vocabulary = { ids, added: new Map() };
  const inModel = (fast.model as { unk_token?: string | null }).unk_token;
  const names = namesOf(found, sources, found.model === 'WordPiece' && inModel ? inModel : undefined);
  addTokens(vocabulary, sources, names, found.extra ?? [], false);
  for (const { content } of (fast.added_tokens ?? []) as AddedToken[]) {
    if (idOf(vocabulary, content) === undefined) {
      throw new Error(
        `${CONFIG_FILE} and ${FAST_FILE} contradict each other: added_tokens has ${content}, but added_tokens_decoder does not`,
      );
    }
  }
  requireNames(found, names, vocabulary);
  const every = new Map([
    ...ids,
    ...Array.from(vocabulary.added.values(), ({ content, id }) => [content, id] as const),
  ]);
  const { stages, flags, warnings } = reconcile(found, fast, sources.flags, names, every);
  const [first, last] = found.ends.map((role) => names[role] ?? '') as [string, string];
  checkEnds(stages.post_processor, every.get(first) ?? -1, every.get(last) ?? -1, `${first} and ${last}`);
  const model = found.model === 'WordPiece' ? { ...fast.model, unk_token: names.unk } : fast.model;
  const special = { mask: tokenOf(every, names.mask), unk: tokenOf(every, names.unk) };
  const said = [named || `${found.name}, by the model family`, FAST_FILE, ...shown(flags)];
  return finish({ ...fast, ...stages, model }, vocabulary, special, warnings, said, sources, found);
}

/** A tokenizer from the files of its class. */
async function ofFiles(
  found: TokenizerClass,
  folder: string,
  named: string,
  sources: Sources,
): Promise<FoundTokenizer> {
  const names = namesOf(found, sources, undefined);
  const [file = '', other = ''] = found.files;
  let unigram: Unigram | undefined;
  let model: ModelJson;
  switch (found.model) {
    case 'WordPiece':
      model = wordPieceModel(await readText(folder, file), names.unk);
      break;
    case 'BPE':
      model = bpeModel(await readText(folder, file), await readText(folder, other));
      break;
    case 'Unigram':
      unigram = readUnigramModel(await readBytes(folder, file), file);
      model = unigramModel(unigram, file, found.name, names);
      break;
  }
  const ids = idsOf(model);
  const vocabulary: Vocabulary = { ids, added: new Map() };
  // User-defined symbols of SentencePiece count if no file lists such tokens.
  const extra = sources.extra.length > 0 ? sources.extra : (unigram?.symbols ?? []);
  // Published files of RoBERTas have it so, and the models were trained that way.
  const isPlain = typeof (sources.named.mask ?? names.mask) === 'string';
  const isDeclared = Array.from(sources.declared.values()).some(({ token }) => token.content === names.mask);
  const stripsMask = names.mask === '<mask>' && isPlain && !isDeclared;
  addTokens(vocabulary, { ...sources, extra }, names, [], stripsMask);
  const warnings = stripsMask
    ? [
        `no file says whether ${names.mask} includes the space before it: it does, as in published files, but not in transformers 5. ` +
          `Set lstrip of mask_token in ${CONFIG_FILE}`,
      ]
    : [];
  requireNames(found, names, vocabulary);
  const every = new Map([
    ...ids,
    ...Array.from(vocabulary.added.values(), ({ content, id }) => [content, id] as const),
  ]);
  const flags = { ...found.flags, ...pick(sources.flags, found) };
  const stages = found.stages(flags, names, every, unigram?.charsmap);
  const special = { mask: tokenOf(every, names.mask), unk: tokenOf(every, names.unk) };
  const said = [named || `${found.name}, by the model family`, found.files.join(' and '), ...shown(flags)];
  const made = { version: '1.0', truncation: null, padding: null, ...stages, model };
  return finish(made, vocabulary, special, warnings, said, sources, found);
}

/** @param unk of the model, which counts if no file names another */
function namesOf(found: TokenizerClass, { named }: Sources, unk: string | undefined): Names {
  const names: Partial<Record<Role, string>> = { ...found.names, ...(unk && { unk }) };
  for (const role of ROLES) {
    const given = named[role];
    if (given) names[role] = contentOf(given);
    if (given === null) delete names[role];
  }
  const missing = (['unk', 'sep', 'cls', 'mask', ...found.ends] as const).find((role) => names[role] === undefined);
  if (missing) throw new Error(`${CONFIG_FILE}: ${missing}_token is null, and ${found.name} needs one`);
  return names as Names;
}

/** A piece that stands for unknown ones is one of the model's own. Other tokens may be added. */
function requireNames(found: TokenizerClass, names: Names, vocabulary: Vocabulary): void {
  for (const role of new Set(['unk', 'mask', ...found.ends] as const)) {
    const token = names[role] ?? '';
    if (role === 'unk' ? !vocabulary.ids.has(token) : idOf(vocabulary, token) === undefined) {
      throw new Error(
        `the vocabulary has no ${token}, which is the ${role}_token: add it, or name another in ${CONFIG_FILE}`,
      );
    }
  }
}

const tokenOf = (ids: ReadonlyMap<string, number>, token: string) => ({ id: ids.get(token) ?? -1, token });

/** The settings of the class. */
function pick(flags: Flags, { flags: read }: TokenizerClass): Flags {
  return Object.fromEntries(FLAGS.flatMap((flag) => (flag in flags && flag in read ? [[flag, flags[flag]]] : [])));
}

function shown({ do_lower_case, add_prefix_space, strip_accents, keep_accents }: Flags): string[] {
  const strips = strip_accents ?? (keep_accents === undefined ? undefined : !keep_accents);
  return [
    ...(do_lower_case === undefined ? [] : [do_lower_case ? 'lower-cases' : 'keeps case']),
    ...(strips === undefined ? [] : [strips ? 'strips accents' : 'keeps accents']),
    ...(add_prefix_space === undefined ? [] : [add_prefix_space ? 'adds a space before a text' : 'adds no space']),
  ];
}

function finish(
  file: Readonly<Record<string, unknown>>,
  { added, ids }: Vocabulary,
  special_tokens: SpecialTokens,
  warnings: readonly string[],
  said: readonly string[],
  { files, feedsTypes }: Sources,
  found?: TokenizerClass,
): FoundTokenizer {
  const stages = feedsTypes === false ? { ...file, post_processor: withoutTypes(file['post_processor']) } : file;
  const added_tokens = Array.from(added.values()).toSorted((a, b) => a.id - b.id);
  // Without a change, the file keeps its bytes, and so its revision.
  const isSame = isDeepStrictEqual(file['added_tokens'], added_tokens);
  const json = isSame ? stages : { ...stages, added_tokens };
  const packed = packTokenizer(json);
  // An unsupported stage is refused here rather than by the first request.
  checkMasks(createTokenizer(packed, special_tokens), special_tokens.mask, added_tokens);
  const beyond = added_tokens.filter(({ content }) => !ids.has(content)).length;
  const parts = [...said, `mask ${special_tokens.mask.token}`, ...(beyond ? [`${beyond} added tokens`] : []), ...files];
  return {
    json: JSON.stringify(json),
    packed,
    special_tokens,
    summary: `tokenizer: ${parts.join('; ')}`,
    feedsTypes: feedsTypes ?? (found?.feedsTypes || undefined),
    warnings,
  };
}

/** @throws where the tokenizer does not find masks that stand apart: no text could be answered */
function checkMasks(tokenizer: Tokenizer, { id, token }: SpecialToken, added: readonly AddedToken[]): void {
  const masked = findMasks(`${token} a ${token} b ${token}`, token);
  if (tokenizer.encode(masked).masked_positions.length === masked.masks.length) return;
  const given = added.find((one) => one.id === id);
  const why = given?.normalized
    ? `its added token is normalized, and the normalizer makes something else of it: set normalized to false in ${FAST_FILE}`
    : given
      ? `the added tokens of ${FAST_FILE} do not find it`
      : `it is not among the added tokens: name mask_token in ${CONFIG_FILE}`;
  throw new Error(`the tokenizer does not find ${token} in "${masked.text}": ${why}`);
}
