/** The special tokens that a post-processor puts around one text and between two, found by running it. No I/O. */
import {
  createPostProcessor,
  type Segment,
  type Tokens,
} from '../../src/tokenizer/post-processors/create-post-processor.ts';

/** Placeholders for the tokens of the two texts. */
const TEXTS: readonly ('A' | 'B')[] = ['A', 'B'];

export interface Around {
  /** Ids, with the two texts among them. */
  readonly single: readonly (number | 'A' | 'B')[];
  /** The segment types of a text, and of two. */
  readonly types: { readonly single: readonly number[]; readonly pair: readonly number[] };
  /** The same with segment types; undefined if it cannot join two texts. */
  readonly pair: readonly string[] | undefined;
}

/** A text of one token, with its placeholder for an id. */
const segment = (i: number): Segment => ({
  text: TEXTS[i] ?? '',
  parts: [{ ids: [-1 - i], masks: [], starts: [0], ends: [1], leading: [0], trailing: [0], words: [0], type_id: i }],
});
const shown = (id: number) => TEXTS[-1 - id] ?? id;

const flatten = (parts: readonly Tokens[]) =>
  parts.flatMap(({ ids, type_id }) => ids.map((id) => ({ id: shown(id), type_id })));

export function describePostProcessor(json: unknown): Around {
  const processor = createPostProcessor(json);
  const single = flatten(processor.process([segment(0)]));
  let pair: typeof single | undefined;
  try {
    pair = flatten(processor.process([segment(0), segment(1)]));
  } catch {
    pair = undefined;
  }
  const typesOf = (tokens: typeof single = []) => tokens.map(({ type_id }) => type_id);
  return {
    single: single.map(({ id }) => id),
    types: { single: typesOf(single), pair: typesOf(pair) },
    pair: pair?.map(({ id, type_id }) => `${id}:${type_id}`),
  };
}

interface Json {
  readonly type?: string;
  readonly processors?: readonly Json[];
  readonly single?: readonly Json[];
  readonly pair?: readonly Json[] | null;
  readonly cls?: readonly [token: string, id: number];
  readonly sep?: readonly [token: string, id: number];
}

/** The same post-processor with a type of zero everywhere. It stays as it is where it has no other. */
export function withoutTypes(json: unknown): unknown {
  const { single, pair } = describePostProcessor(json).types;
  return [...single, ...pair].some((type) => type !== 0) ? untyped(json as Json) : json;
}

function untyped(json: Json): Json {
  const { type, processors, single = [], pair, cls, sep } = json;
  if (processors) return { ...json, processors: processors.map(untyped) };
  if (type === 'TemplateProcessing') {
    return { ...json, single: single.map(ofTypeZero), ...(pair && { pair: pair.map(ofTypeZero) }) };
  }
  return type === 'BertProcessing' && cls && sep ? asTemplate(cls, sep) : json;
}

/** @param piece a special token or a text, with its type */
const ofTypeZero = (piece: object): object =>
  Object.fromEntries(Object.entries(piece).map(([what, of]) => [what, { ...(of as object), type_id: 0 }]));

const pieceOf = (kind: 'SpecialToken' | 'Sequence', id: string) => ({ [kind]: { id, type_id: 0 } });

/** `BertProcessing`, which has no types of its own in the file. */
function asTemplate(cls: readonly [string, number], sep: readonly [string, number]): object {
  const last = pieceOf('SpecialToken', sep[0]);
  const single = [pieceOf('SpecialToken', cls[0]), pieceOf('Sequence', 'A'), last];
  return {
    type: 'TemplateProcessing',
    single,
    pair: [...single, pieceOf('Sequence', 'B'), last],
    special_tokens: Object.fromEntries([cls, sep].map(([id, number]) => [id, { id, ids: [number], tokens: [id] }])),
  };
}

/**
 * @param names of the tokens that belong at the ends
 * @throws unless each is there exactly once
 */
export function checkEnds(json: unknown, first: number, last: number, names: string): void {
  const { single } = describePostProcessor(json);
  if (single.join() === [first, 'A', last].join()) return;
  throw new Error(
    `tokenizer.json: post_processor makes "${single.join(' ')}" of a text A, in ids: a model that is served has ${names} ` +
      `around it, once each: "${first} A ${last}"`,
  );
}
