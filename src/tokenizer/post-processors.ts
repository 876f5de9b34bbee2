/** Puts the special tokens around a text and trims offsets, by the `post_processor` of a `tokenizer.json`. No I/O. */
import { SPELLED_BLANK } from './bytes.ts';
import { POST_PROCESSOR, type PostProcessorJson, readStage } from './components.ts';
import { isBlank } from './unicode.ts';

export interface Token {
  readonly id: number;
  /** What the model read, or what stands for an added token. */
  readonly value: string;
  /** Where it comes from, in code units of the text. */
  readonly start: number;
  readonly end: number;
  /** Of its segment. */
  readonly type_id: number;
}

/** @param text that the tokens come from */
export type PostProcessor = (tokens: readonly Token[], text: string) => readonly Token[];

/** @throws naming what there is no code for */
export function createPostProcessor(json: unknown): PostProcessor {
  const steps = readStage('post_processor', 'processors', POST_PROCESSOR, json).map(createStep);
  return (tokens, text) => steps.reduce((done, step) => step(done, text), tokens);
}

const special = (id: number, type_id: number): Token => ({ id, value: '', start: 0, end: 0, type_id });

function createStep(json: PostProcessorJson): PostProcessor {
  switch (json.type) {
    case 'BertProcessing':
      return (tokens) => [special(json.cls[1], 0), ...tokens, special(json.sep[1], 0)];
    case 'RobertaProcessing':
      return (tokens, text) => [
        special(json.cls[1], 0),
        ...(json.trim_offsets ? trim(tokens, text, json.add_prefix_space) : tokens),
        special(json.sep[1], 0),
      ];
    case 'ByteLevel':
      return (tokens, text) => (json.trim_offsets ? trim(tokens, text, json.add_prefix_space) : tokens);
    case 'TemplateProcessing':
      return (tokens) =>
        json.single.flatMap((piece) => {
          if ('Sequence' in piece) return tokens.map((token) => ({ ...token, type_id: piece.Sequence.type_id }));
          const { id: name, type_id } = piece.SpecialToken;
          const { ids } = json.special_tokens[name] ?? { ids: [] };
          return ids.map((id) => special(id, type_id));
        });
  }
}

const isBlankOrSpelled = (character: string) => character === SPELLED_BLANK || isBlank(character);

/** Takes the blanks that a piece has at its ends out of its offsets, but not one that was only put before the text. */
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

/** The place so many characters further on, or back, but not beyond `limit`. */
function move(text: string, from: number, characters: number, limit: number): number {
  let at = from;
  for (let i = 0; i < Math.abs(characters) && at !== limit; i++) {
    if (characters > 0) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
    else at -= (text.codePointAt(at - 2) ?? 0) > 0xffff ? 2 : 1;
  }
  return at;
}
