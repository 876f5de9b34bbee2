/** Creates the `decoder` of a `tokenizer.json`: tokens in, a text out. No I/O. */
import { readBytes } from '../pre-tokenizers/byte-level.ts';
import { readPattern, replaceAll } from '../patterns.ts';
import { checkReplacements } from '../replacements.ts';
import { DECODER, type DecoderJson, readStage } from '../tokenizer-json.ts';

export type Decoder = (tokens: readonly string[]) => string;
type Step = (tokens: readonly string[]) => readonly string[];

/** @throws naming the field that is not supported, or a step that makes texts too long */
export function createDecoder(json: unknown): Decoder {
  const read = readStage('decoder', 'decoders', DECODER, json);
  const steps = read.map(createStep);
  checkReplacements(
    'decoder',
    read.map((step, i) => ({
      name: `step ${i + 1} (${step.type})`,
      replace: step.type === 'Replace' ? { pattern: readPattern(step.pattern), content: step.content } : undefined,
      apply: (text) => steps[i]?.([text]).join('') ?? '',
    })),
  );
  const between = json == null ? ' ' : '';
  return (tokens) => steps.reduce((texts, step) => step(texts), tokens).join(between);
}

const each =
  (change: (token: string, index: number) => string): Step =>
  (tokens) =>
    tokens.map(change);

function createStep(json: DecoderJson): Step {
  switch (json.type) {
    case 'WordPiece': {
      const clean = json.cleanup ? cleanUp : (text: string) => text;
      // The first token keeps its prefix.
      return each((token, i) =>
        clean(i === 0 ? token : token.startsWith(json.prefix) ? token.slice(json.prefix.length) : ` ${token}`),
      );
    }
    case 'Fuse':
      return (tokens) => [tokens.join('')];
    case 'ByteLevel':
      return (tokens) => [readBytes(tokens)];
    case 'Metaspace': {
      const isPrepended = json.add_prefix_space && json.prepend_scheme !== 'never';
      return each((token, i) => token.replaceAll(json.replacement, isPrepended && i === 0 ? '' : ' '));
    }
    case 'Replace': {
      const { regex } = readPattern(json.pattern);
      return each((token) => replaceAll(token, regex, () => json.content));
    }
    case 'Strip':
      return each((token) => {
        const characters = Array.from(token);
        let [from, to] = [0, characters.length];
        while (from < json.start && characters[from] === json.content) from++;
        while (characters.length - to < json.stop && to > from && characters[to - 1] === json.content) to--;
        return characters.slice(from, to).join('');
      });
  }
}

/** Applied in this order, each to the result of the previous one. */
const CLEANED = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [' do not', " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
] as const;

/** Removes the space before a token where English has none. */
function cleanUp(text: string): string {
  return CLEANED.reduce((cleaned, [from, to]) => cleaned.replaceAll(from, to), text);
}
