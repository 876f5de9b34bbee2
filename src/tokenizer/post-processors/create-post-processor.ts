/**
 * Creates the `post_processor` of a `tokenizer.json`, which puts special tokens around one or two texts and trims offsets.
 * No I/O.
 */
import { BYTE_LEVEL_SPACE } from '../pre-tokenizers/byte-level.ts';
import { POST_PROCESSOR, type PostProcessorJson, readStage } from '../tokenizer-json.ts';
import { isWhitespace } from '../unicode.ts';

export interface Token {
  readonly id: number;
  /** The text that the model tokenized, or the added token. */
  readonly value: string;
  /** Origin in the text, in code units. */
  readonly start: number;
  readonly end: number;
  /** The number of the segment. */
  readonly type_id: number;
}

/** Consecutive tokens: those of a text, or special ones. */
export interface Segment {
  readonly tokens: readonly Token[];
  /** The text that the tokens come from. */
  readonly text: string;
}

/**
 * @param texts one, or two for a pair
 * @throws for a pair, when the file does not say how to join two texts
 */
export type PostProcessor = (texts: readonly Segment[]) => readonly Token[];
type Step = (segments: readonly Segment[]) => readonly Segment[];

/** @throws naming the field that is not supported */
export function createPostProcessor(json: unknown): PostProcessor {
  const steps = readStage('post_processor', 'processors', POST_PROCESSOR, json).map(createStep);
  return (texts) => steps.reduce((segments, step) => step(segments), texts).flatMap(({ tokens }) => tokens);
}

const special = (id: number, type_id: number): Token => ({ id, value: '', start: 0, end: 0, type_id });

function createStep(json: PostProcessorJson): Step {
  switch (json.type) {
    case 'BertProcessing':
      return eachSegment((tokens, _, i) =>
        i === 0 ? [special(json.cls[1], 0), ...tokens, special(json.sep[1], 0)] : [...tokens, special(json.sep[1], 1)],
      );
    case 'RobertaProcessing':
      return eachSegment((tokens, text, i) => {
        const trimmed = json.trim_offsets ? trim(tokens, text, json.add_prefix_space) : tokens;
        const first = i === 0 ? json.cls : json.sep;
        // RoBERTa has one segment type.
        return [special(first[1], 0), ...ofType(trimmed, 0), special(json.sep[1], 0)];
      });
    case 'ByteLevel':
      return eachSegment((tokens, text) => (json.trim_offsets ? trim(tokens, text, json.add_prefix_space) : tokens));
    case 'TemplateProcessing':
      return (segments) => {
        const template = segments.length > 1 ? json.pair : json.single;
        if (!template) throw new Error('tokenizer.json: post_processor.pair is missing, so two texts cannot be joined');
        return template.map((piece): Segment => {
          if ('Sequence' in piece) {
            const { id, type_id } = piece.Sequence;
            const { tokens, text } = segments[id === 'B' && segments.length > 1 ? 1 : 0] ?? { tokens: [], text: '' };
            return { tokens: ofType(tokens, type_id), text };
          }
          const { id: name, type_id } = piece.SpecialToken;
          const { ids } = json.special_tokens[name] ?? { ids: [] };
          return { tokens: ids.map((id) => special(id, type_id)), text: '' };
        });
      };
  }
}

const ofType = (tokens: readonly Token[], type_id: number) => tokens.map((token) => ({ ...token, type_id }));

const eachSegment =
  (change: (tokens: readonly Token[], text: string, index: number) => readonly Token[]): Step =>
  (segments) =>
    segments.map(({ tokens, text }, i) => ({ tokens: change(tokens, text, i), text }));

const isBlankOrSpelled = (character: string) => character === BYTE_LEVEL_SPACE || isWhitespace(character);

/** Excludes the spaces at the ends of a piece from its offsets, except for a space that was put before the text. */
function trim(tokens: readonly Token[], text: string, addsBlank: boolean): Token[] {
  return tokens.map((token, i) => {
    const characters = Array.from(token.value);
    const content = characters.findIndex((character) => !isBlankOrSpelled(character));
    const leading = content < 0 ? characters.length : content;
    const trailing =
      content < 0 ? characters.length : characters.toReversed().findIndex((one) => !isBlankOrSpelled(one));
    let { start, end } = token;
    if (!(addsBlank && leading === 1 && (i === 0 || start === 0))) start = move(text, start, leading, end);
    end = move(text, end, -trailing, start);
    return { ...token, start, end };
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
