/** What a post-processor puts around a text and between two, by what it does rather than by how it is written. No I/O. */
import {
  createPostProcessor,
  type Segment,
  type Token,
} from '../../src/tokenizer/post-processors/create-post-processor.ts';

/** Stand for the tokens of the two texts. */
const TEXTS = ['A', 'B'] as const;

export interface Around {
  /** Ids, and the two texts among them. */
  readonly single: readonly (number | 'A' | 'B')[];
  /** The same with the types of the segments; undefined where it puts no two texts together. */
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
 * @param names of the tokens that should be at the ends
 * @throws unless each is there once
 */
export function checkEnds(json: unknown, first: number, last: number, names: string): void {
  const { single } = describePostProcessor(json);
  if (single.join() === [first, 'A', last].join()) return;
  throw new Error(
    `tokenizer.json: post_processor makes "${single.join(' ')}" of a text A, in ids: a model that is served has ${names} ` +
      `around it, once each: "${first} A ${last}"`,
  );
}
