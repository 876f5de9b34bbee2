/** Adds tokens to a vocabulary as `tokenizers` does: by their texts, with the next free id. No I/O. */
import { contentOf, FAST_FILE, ROLES, type Sources, type Token, toToken } from './sources.ts';

export type AddedToken = Token & { readonly id: number };

/** The added tokens, which are found in a text before it is split. */
export interface Vocabulary {
  /** Ids of the model's own pieces. */
  readonly ids: ReadonlyMap<string, number>;
  readonly added: Map<number, AddedToken>;
}

/** @returns the id of a piece or of an added token */
export function idOf({ ids, added }: Vocabulary, content: string): number | undefined {
  // Added tokens are looked up first: one whose text is a piece has that piece's id.
  for (const [id, token] of added) if (token.content === content) return id;
  return ids.get(content);
}

/** Appends a token that the vocabulary lacks. A known token only gets the flags of the new one. */
function addToken(vocabulary: Vocabulary, token: Token): void {
  const { ids, added } = vocabulary;
  const appended = Math.max(ids.size, ...Array.from(added.keys(), (id) => id + 1));
  const id = idOf(vocabulary, token.content) ?? appended;
  added.set(id, { id, ...token });
}

/**
 * @param given `added_tokens` of tokenizer.json
 * @throws if an id in the file is not the one that `tokenizers` gives the token
 */
export function loadAddedTokens(ids: ReadonlyMap<string, number>, given: readonly AddedToken[]): Vocabulary {
  const vocabulary: Vocabulary = { ids, added: new Map() };
  for (const { id, ...token } of given) {
    addToken(vocabulary, token);
    checkId(vocabulary, token, id, FAST_FILE);
  }
  return vocabulary;
}

function checkId(vocabulary: Vocabulary, token: Token, id: number, file: string): void {
  const found = idOf(vocabulary, token.content);
  if (found !== id) {
    throw new Error(`${file}: the added token ${token.content} has the id ${id}, and the vocabulary gives it ${found}`);
  }
}

/**
 * Adds the declared tokens by their ids, then those with a role, then the others.
 * @param names of all roles
 * @param defaults the roles that only the class names: without padding in the vocabulary, there is none
 * @throws if a declared id is not the one that the token gets
 */
export function addTokens(
  vocabulary: Vocabulary,
  { declared, named, extra }: Sources,
  names: Readonly<Partial<Record<(typeof ROLES)[number], string>>>,
  more: readonly string[],
  stripsMask: boolean,
): void {
  const byContent = new Map(Array.from(declared.values(), ({ token }) => [token.content, token]));
  const roles = new Set(Object.values(names));
  const sorted = Array.from(declared).toSorted(([a], [b]) => a - b);
  for (const [, { token }] of sorted) {
    const special = token.special || roles.has(token.content);
    addToken(vocabulary, { ...token, special });
  }
  const isThere = (content: string) => Array.from(vocabulary.added.values()).some((one) => one.content === content);
  for (const role of ROLES) {
    const content = names[role];
    if (content === undefined || isThere(content)) continue;
    const isNamed = named[role] != null;
    // A token that only the class names is optional, unless it has an id.
    if (!isNamed && idOf(vocabulary, content) === undefined) continue;
    const given = isNamed ? (named[role] ?? content) : content;
    const token = byContent.get(content) ?? toToken(given, true);
    addToken(vocabulary, {
      ...token,
      special: true,
      lstrip: token.lstrip || (role === 'mask' && stripsMask),
    });
  }
  for (const given of [...extra, ...more]) {
    if (!isThere(contentOf(given))) addToken(vocabulary, byContent.get(contentOf(given)) ?? toToken(given, true));
  }
  for (const [id, { token, file }] of sorted) checkId(vocabulary, token, id, file);
}
