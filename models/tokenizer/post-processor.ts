/** The special tokens that a post-processor puts around one text and between two, found by running it. No I/O. */
import {
  createPostProcessor,
  type Segment,
  type Token,
} from '../../src/tokenizer/post-processors/create-post-processor.ts';

/** Placeholders for the tokens of the two texts. */
const TEXTS = ['A', 'B'] as const;

export interface Around {
  /** Ids, with the two texts among them. */
  readonly single: readonly (number | 'A' | 'B')[];
  /** The same with segment types; undefined if it cannot join two texts. */
  readonly pair: readonly string[] | undefined;
}

const segment = (value: string, type_id: number): Segment => ({
  text: value,
  tokens: [{ id: -1, value, start: 0, end: 1, type_id }],
});
const shown = ({ id, value }: Token) => (id === -1 ? (TEXTS.find((text) => text === value) ?? 'A') : id);

export function describePostProcessor(json: unknown): Around {
  const process = createPostProcessor(json);
  const [a, b] = [segment('A', 0), segment('B', 1)];
  let pair: string[] | undefined;
  try {
    pair = process([a, b]).map((token) => `${shown(token)}:${token.type_id}`);
  } catch {
    pair = undefined;
  }
  return { single: process([a]).map(shown), pair };
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
