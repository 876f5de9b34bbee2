/**
 * Creates the `pre_tokenizer` of a `tokenizer.json`, which splits a normalized text into words for the model. No I/O.
 */
import { type AlignedText, mapCharacters, matchesOf, prepend, replaceMatches } from '../aligned-text.ts';
import { spellBytes } from './byte-level.ts';
import { escapePattern } from '../escape-pattern.ts';
import { PRE_TOKENIZER, type PreTokenizerJson, readStage } from '../tokenizer-json.ts';
import { isAscii, WHITESPACE, LETTER, NUMBER, PUNCTUATION, WORD } from '../unicode.ts';

/** Drops the text between the words. */
export type PreTokenizer = (text: AlignedText) => AlignedText[];

/** GPT-2's words. Of several spaces, the last belongs to the next word. */
const BYTE_LEVEL =
  `'s|'t|'re|'ve|'m|'ll|'d| ?${LETTER}+| ?${NUMBER}+| ?[^${WHITESPACE}${LETTER}${NUMBER}]+|` +
  `${WHITESPACE}+(?![^${WHITESPACE}])|${WHITESPACE}+`;

const BYTE_LEVEL_ASCII =
  /'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?\d+| ?[^\t-\r A-Za-z\d]+|[\t-\r ]+(?![^\t-\r ])|[\t-\r ]+/g;

/** @throws naming the field that is not supported */
export function createPreTokenizer(json: unknown): PreTokenizer {
  const steps = readStage('pre_tokenizer', 'pretokenizers', PRE_TOKENIZER, json).map(createStep);
  return (text) => steps.reduce((words, step) => words.flatMap(step), text.text === '' ? [] : [text]);
}

/**
 * @param words the pattern of a word, compiled on first use: its classes take a cold isolate a millisecond
 * @param ascii the same for a text of ASCII
 */
function splitInto(words: string, ascii: RegExp): PreTokenizer {
  let whole: RegExp | undefined;
  return (text) => matchesOf(text, isAscii(text.text) ? ascii : (whole ??= new RegExp(words, 'gv')));
}

function createStep(json: PreTokenizerJson): PreTokenizer {
  switch (json.type) {
    case 'BertPreTokenizer':
      return splitInto(`${PUNCTUATION}|[^${WHITESPACE}${PUNCTUATION}]+`, /[!-/:-@[-`{-~]|[^\t-\r !-/:-@[-`{-~]+/g);
    case 'Whitespace':
      return splitInto(`${WORD}+|[^${WORD}${WHITESPACE}]+`, /\w+|[^\w\t-\r ]+/g);
    case 'WhitespaceSplit':
      return splitInto(`[^${WHITESPACE}]+`, /[^\t-\r ]+/g);
    case 'Punctuation':
      return splitInto(`${PUNCTUATION}|[^${PUNCTUATION}]+`, /[!-/:-@[-`{-~]|[^!-/:-@[-`{-~]+/g);
    case 'ByteLevel': {
      const split: PreTokenizer = json.use_regex ? splitInto(BYTE_LEVEL, BYTE_LEVEL_ASCII) : (text) => [text];
      return (text) => {
        const begun = json.add_prefix_space && !text.text.startsWith(' ') ? prepend(text, ' ') : text;
        return split(begun).map((word) => mapCharacters(word, spellBytes));
      };
    }
    case 'Metaspace': {
      const { replacement } = json;
      const scheme = json.add_prefix_space ? json.prepend_scheme : 'never';
      const escaped = escapePattern(replacement);
      const words = new RegExp(`${escaped}[^${escaped}]*|[^${escaped}]+`, 'gv');
      const split: PreTokenizer = json.split ? (text) => matchesOf(text, words) : (text) => [text];
      return (text) => {
        const spelled = replaceMatches(text, / /g, replacement);
        const isBegun = scheme === 'never' || (scheme === 'first' && text.starts[0] !== 0);
        const begun = isBegun || spelled.text.startsWith(replacement) ? spelled : prepend(spelled, replacement);
        return split(begun);
      };
    }
  }
}
