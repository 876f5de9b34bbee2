/** The text that one token is, by the `decoder` of a `tokenizer.json`. No I/O. */
import { readBytes } from './bytes.ts';
import { DECODER, type DecoderJson, readPattern, readStage } from './components.ts';

/** Of a token alone: what a decoder makes of the ones behind the first is another matter. */
export type Decoder = (token: string) => string;

/** @throws naming what there is no code for */
export function createDecoder(json: unknown): Decoder {
  const steps = readStage('decoder', 'decoders', DECODER, json).map(createStep);
  return (token) => steps.reduce((text, step) => step(text), token);
}

function createStep(json: DecoderJson): Decoder {
  switch (json.type) {
    case 'WordPiece':
      // Its prefix stays on a first token, and its cleanup changes only what has blanks in it.
      return (token) => token;
    case 'Fuse':
      return (token) => token;
    case 'ByteLevel':
      return readBytes;
    case 'Metaspace': {
      const isPrepended = json.add_prefix_space && json.prepend_scheme !== 'never';
      return (token) => token.replaceAll(json.replacement, isPrepended ? '' : ' ');
    }
    case 'Replace': {
      const pattern = readPattern(json.pattern);
      return (token) => token.replace(pattern, () => json.content);
    }
    case 'Strip':
      return (token) => {
        const characters = Array.from(token);
        let [from, to] = [0, characters.length];
        while (from < json.start && characters[from] === json.content) from++;
        while (characters.length - to < json.stop && to > from && characters[to - 1] === json.content) to--;
        return characters.slice(from, to).join('');
      };
  }
}
