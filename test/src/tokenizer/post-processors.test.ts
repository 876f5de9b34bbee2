/** The post-processors: what they put around one text, or around and between two, and which offsets they trim. */
import { describe, expect, it } from 'vitest';

import {
  createPostProcessor,
  leadingBlanks,
  trailingBlanks,
} from '../../../src/tokenizer/post-processors/create-post-processor.ts';

const special = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } });
const sequence = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
const [cls, sep] = [
  ['<s>', 100],
  ['</s>', 200],
] as const;
const BERT = { type: 'BertProcessing', cls, sep };
const roberta = (trim_offsets: boolean, add_prefix_space: boolean) => ({
  type: 'RobertaProcessing',
  cls,
  sep,
  trim_offsets,
  add_prefix_space,
});
const bytes = (trim_offsets: boolean, add_prefix_space: boolean) => ({
  type: 'ByteLevel',
  trim_offsets,
  add_prefix_space,
});
const SINGLE = {
  type: 'TemplateProcessing',
  single: [special('<s>', 0), sequence('A', 0)],
  special_tokens: { '<s>': { ids: [100, 101] } },
};
const templateOf = (length: number) => ({
  ...SINGLE,
  single: [...Array.from({ length: length - 1 }, () => special('<s>', 0)), sequence('A', 0)],
});
const withIds = (length: number) => ({
  ...SINGLE,
  special_tokens: { '<s>': { ids: Array.from({ length }, () => 100) } },
});
const PAIR = { ...SINGLE, pair: [sequence('B', 1), special('<s>', 0), sequence('A', 0)] };

/** Reads "1:Ġlove@0-5 2:x@5-6" as tokens, and writes the result without the values, followed by the type. */
function process(json: unknown, texts: readonly (readonly [string, string])[]): string {
  const segments = texts.map(([text, tokens], type_id) => {
    const read = [...tokens.matchAll(/(\d+):([^@]+)@(\d+)-(\d+)/g)];
    const numbers = (group: number) => read.map((match) => Number(match[group]));
    const blanks = (count: typeof leadingBlanks) => read.map(([, , value = '']) => count(value, 0, value.length));
    const part = { ids: numbers(1), masks: [], starts: numbers(3), ends: numbers(4), words: [], type_id };
    return { text, parts: [{ ...part, leading: blanks(leadingBlanks), trailing: blanks(trailingBlanks) }] };
  });
  return createPostProcessor(json)
    .process(segments)
    .flatMap(({ ids, starts, ends, type_id }) => ids.map((id, i) => `${id}@${starts[i]}-${ends[i]}/${type_id}`))
    .join(' ');
}

const LOVE = [' love', '1:Ġlove@0-5'] as const;
const PLAIN = ['love', '1:Ġlove@0-4'] as const;
const A = ['a', '2:a@0-1'] as const;
const BLANKS = ['  😀\n', '1:Ġ@0-1 2:Ġð@1-4 3:\u0178@2-4 4:Ċ@4-5 5: \t@0-2'] as const;

describe('a post-processor', () => {
  it.each<[unknown, (readonly [string, string])[], string]>([
    [null, [LOVE], '1@0-5/0'],
    [BERT, [LOVE], '100@0-0/0 1@0-5/0 200@0-0/0'],
    [BERT, [LOVE, A], '100@0-0/0 1@0-5/0 200@0-0/0 2@0-1/1 200@0-0/1'],
    [roberta(true, false), [LOVE], '100@0-0/0 1@1-5/0 200@0-0/0'],
    [roberta(true, true), [PLAIN], '100@0-0/0 1@0-4/0 200@0-0/0'],
    [roberta(false, true), [LOVE], '100@0-0/0 1@0-5/0 200@0-0/0'],
    [roberta(true, false), [LOVE, A], '100@0-0/0 1@1-5/0 200@0-0/0 200@0-0/0 2@0-1/0 200@0-0/0'],
    [bytes(true, false), [LOVE, A], '1@1-5/0 2@0-1/1'],
    [bytes(false, false), [LOVE], '1@0-5/0'],
    [bytes(true, false), [BLANKS], '1@1-1/0 2@2-4/0 3@2-4/0 4@4-5/0 5@2-2/0'],
    [SINGLE, [LOVE], '100@0-0/0 101@0-0/0 1@0-5/0'],
    [templateOf(16), [LOVE], `${'100@0-0/0 101@0-0/0 '.repeat(15)}1@0-5/0`],
    [withIds(16), [LOVE], `${'100@0-0/0 '.repeat(16)}1@0-5/0`],
    [PAIR, [LOVE, A], '2@0-1/1 100@0-0/0 101@0-0/0 1@0-5/0'],
    [{ type: 'Sequence', processors: [bytes(true, false), SINGLE] }, [LOVE], '100@0-0/0 101@0-0/0 1@1-5/0'],
  ])('%j makes of %j %s', (json, texts, tokens) => {
    expect(process(json, texts)).toBe(tokens);
  });

  it.each<[unknown, string]>([
    [{ type: 'Other' }, 'post_processor.type is not supported'],
    [{ ...BERT, cls: ['<s>'] }, 'post_processor.cls.1 is not supported'],
    [SINGLE, 'tokenizer.json: post_processor.pair'],
    [templateOf(17), 'post_processor.single is not supported'],
    [{ ...PAIR, pair: templateOf(17).single }, 'post_processor.pair is not supported'],
    [withIds(17), 'post_processor.special_tokens.<s>.ids is not supported'],
  ])('%j is refused by name', (json, message) => {
    expect(() => process(json, [LOVE, A])).toThrow(message);
  });
});
