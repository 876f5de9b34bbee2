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
  let pair: string[] | undefined;
  try {
    pair = flatten(processor.process([segment(0), segment(1)])).map(({ id, type_id }) => `${id}:${type_id}`);
  } catch {
    pair = undefined;
  }
  return { single: flatten(processor.process([segment(0)])).map(({ id }) => id), pair };
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
