/**
 * Creates the `post_processor` of a `tokenizer.json`, which puts special tokens around one or two texts and trims offsets.
 * No I/O.
 */
import { BYTE_LEVEL_SPACE } from '../pre-tokenizers/byte-level.ts';
import { POST_PROCESSOR, type PostProcessorJson, readStage } from '../tokenizer-json.ts';
import { isWhitespace } from '../unicode.ts';

/** Consecutive tokens, in columns: a long text has too many of them for an object each. */
export interface Tokens {
  readonly ids: readonly number[];
  /** The masks among them, by their index. */
  readonly masks: readonly number[];
  /** Origin of each in the text, in code units; empty if only the ids are asked for. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  /** Blanks at the two ends of what the model tokenized, in code units; empty unless the post-processor trims the origins. */
  readonly leading: readonly number[];
  readonly trailing: readonly number[];
  /** The indices of the tokens that begin a word of the pre-tokenizer; empty if only the ids are asked for. */
  readonly words: readonly number[];
  /** The number of the segment. */
  readonly type_id: number;
}

/** The tokens of a text, with special ones around them. */
export interface Segment {
  readonly parts: readonly Tokens[];
  /** The text that the tokens come from. */
  readonly text: string;
}

type Step = (segments: readonly Segment[]) => readonly Segment[];

export interface PostProcessor {
  /** Whether it needs `leading` and `trailing`. */
  readonly trims: boolean;
  /**
   * @param texts one, or two for a pair
   * @throws for a pair, when the file does not say how to join two texts
   */
  process(texts: readonly Segment[]): readonly Tokens[];
}

/** @throws naming the field that is not supported */
export function createPostProcessor(json: unknown): PostProcessor {
  const read = readStage('post_processor', 'processors', POST_PROCESSOR, json);
  const steps = read.map(createStep);
  return {
    trims: read.some((step) => 'trim_offsets' in step && step.trim_offsets),
    process: (texts) => steps.reduce((segments, step) => step(segments), texts).flatMap(({ parts }) => parts),
  };
}

const special = (ids: readonly number[], type_id: number): Tokens => {
  const none = ids.map(() => 0);
  return {
    ids,
    masks: [],
    starts: none,
    ends: none,
    leading: none,
    trailing: none,
    words: ids.map((_, i) => i),
    type_id,
  };
};

function createStep(json: PostProcessorJson): Step {
  switch (json.type) {
    case 'BertProcessing':
      return eachSegment((parts, _, i) => {
        const [first, last] = [special([json.cls[1]], 0), special([json.sep[1]], i === 0 ? 0 : 1)];
        return i === 0 ? [first, ...parts, last] : [...parts, last];
      });
    case 'RobertaProcessing':
      return eachSegment((parts, text, i) => {
        const trimmed = json.trim_offsets ? trim(parts, text, json.add_prefix_space) : parts;
        const first = i === 0 ? json.cls : json.sep;
        // RoBERTa has one segment type.
        return [special([first[1]], 0), ...ofType(trimmed, 0), special([json.sep[1]], 0)];
      });
    case 'ByteLevel':
      return eachSegment((parts, text) => (json.trim_offsets ? trim(parts, text, json.add_prefix_space) : parts));
    case 'TemplateProcessing':
      return (segments) => {
        const template = segments.length > 1 ? json.pair : json.single;
        if (!template) throw new Error('tokenizer.json: post_processor.pair is missing, so two texts cannot be joined');
        return template.map((piece): Segment => {
          if ('Sequence' in piece) {
            const { id, type_id } = piece.Sequence;
            const { parts, text } = segments[id === 'B' && segments.length > 1 ? 1 : 0] ?? { parts: [], text: '' };
            return { parts: ofType(parts, type_id), text };
          }
          const { id: name, type_id } = piece.SpecialToken;
          const { ids } = json.special_tokens[name] ?? { ids: [] };
          return { parts: [special(ids, type_id)], text: '' };
        });
      };
  }
}

const ofType = (parts: readonly Tokens[], type_id: number) => parts.map((part) => ({ ...part, type_id }));

const eachSegment =
  (change: (parts: readonly Tokens[], text: string, index: number) => readonly Tokens[]): Step =>
  (segments) =>
    segments.map(({ parts, text }, i) => ({ parts: change(parts, text, i), text }));

/** The blanks at the beginning of a part of a text, in code units. */
export function leadingBlanks(text: string, from: number, to: number): number {
  let at = from;
  while (at < to && isBlankOrSpelled(text.charAt(at))) at++;
  return at - from;
}

/** The blanks at its end: all of it, if it is blank. */
export function trailingBlanks(text: string, from: number, to: number): number {
  let at = to;
  while (at > from && isBlankOrSpelled(text.charAt(at - 1))) at--;
  return to - at;
}

const isBlankOrSpelled = (character: string) => character === BYTE_LEVEL_SPACE || isWhitespace(character);

/** Excludes the spaces at the ends of a piece from its offsets, except for a space that was put before the text. */
function trim(parts: readonly Tokens[], text: string, addsBlank: boolean): Tokens[] {
  let isFirst = true;
  return parts.map((part) => {
    const starts: number[] = [];
    const ends: number[] = [];
    for (const [i, end] of part.ends.entries()) {
      const leading = part.leading[i] ?? 0;
      let start = part.starts[i] ?? 0;
      if (!(addsBlank && leading === 1 && (isFirst || start === 0))) start = move(text, start, leading, end);
      starts.push(start);
      ends.push(move(text, end, -(part.trailing[i] ?? 0), start));
      isFirst = false;
    }
    return { ...part, starts, ends };
  });
}

/** Moves a position by so many characters, forwards or backwards, up to `limit`. */
function move(text: string, from: number, characters: number, limit: number): number {
  let at = from;
  for (let i = 0; i < Math.abs(characters) && at !== limit; i++) {
    if (characters > 0) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
    else at -= (text.codePointAt(at - 2) ?? 0) > 0xffff ? 2 : 1;
  }
  return at;
}
