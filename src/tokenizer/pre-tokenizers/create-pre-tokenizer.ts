/**
 * Creates the `pre_tokenizer` of a `tokenizer.json`, which splits a normalized text into words for the model. No I/O.
 */
import { type AlignedText, prepend, replaceMatches, sliceText, startText } from '../aligned-text.ts';
import { spellCharacter } from './byte-level.ts';
import { escapePattern } from '../escape-pattern.ts';
import { PRE_TOKENIZER, type PreTokenizerJson, readStage } from '../tokenizer-json.ts';
import { isAscii, WHITESPACE, LETTER, NUMBER, PUNCTUATION, WORD } from '../unicode.ts';

/** A text and its words, without an object for each. */
export interface Words {
  readonly text: AlignedText;
  /** (words, 2) start and end of each word in the text, in code units. The text between words is dropped. */
  readonly bounds: readonly number[];
}

export interface PreTokenizer {
  readonly split: (text: AlignedText) => Words;
  /** Whether the beginning of a text has other words than the same text later on. */
  readonly readsStart: boolean;
  /** Whether its words are those of GPT-2: letters, digits or other signs. Most others leave signs at the letters before them. */
  readonly isByWords: boolean;
}
type Step = (words: Words) => Words;

/** GPT-2's words. Of several spaces, the last belongs to the next word. */
const BYTE_LEVEL =
  `'s|'t|'re|'ve|'m|'ll|'d| ?${LETTER}+| ?${NUMBER}+| ?[^${WHITESPACE}${LETTER}${NUMBER}]+|` +
  `${WHITESPACE}+(?![^${WHITESPACE}])|${WHITESPACE}+`;

const BYTE_LEVEL_ASCII =
  /'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?\d+| ?[^\t-\r A-Za-z\d]+|[\t-\r ]+(?![^\t-\r ])|[\t-\r ]+/g;

/** @throws naming the field that is not supported */
export function createPreTokenizer(json: unknown): PreTokenizer {
  const read = readStage('pre_tokenizer', 'pretokenizers', PRE_TOKENIZER, json);
  if (read.filter(({ type }) => type === 'ByteLevel').length > 1) {
    throw new Error(
      'tokenizer.json: pre_tokenizer is not supported: a second ByteLevel spells the bytes of the first one',
    );
  }
  const steps = read.map(createStep);
  return {
    readsStart: read.some((step) => step.type === 'Metaspace' && step.prepend_scheme === 'first'),
    isByWords: read.some((step) => step.type === 'ByteLevel' && step.use_regex),
    split(normalized) {
      // A limit of the normalizer's. Here, a text grows by the spelling of its bytes, and by a space for each word.
      const text = { ...normalized, limit: Infinity };
      const { length } = text.text;
      return steps.reduce<Words>((words, step) => step(words), { text, bounds: length === 0 ? [] : [0, length] });
    },
  };
}

/** Splits each word into the matches of a pattern. */
function splitBy({ text, bounds }: Words, patternOf: (word: string) => RegExp): Words {
  const split: number[] = [];
  for (let w = 0; w < bounds.length; w += 2) {
    const from = bounds[w] ?? 0;
    const word = text.text.slice(from, bounds[w + 1]);
    for (const { 0: match, index } of word.matchAll(patternOf(word))) {
      split.push(from + index, from + index + match.length);
    }
  }
  return { text, bounds: split };
}

/** Changes each word by itself. */
function changeWords({ text, bounds }: Words, change: (word: AlignedText) => AlignedText): Words {
  if (bounds.length === 2 && bounds[0] === 0 && bounds[1] === text.text.length) {
    const changed = change(text);
    return { text: changed, bounds: [0, changed.text.length] };
  }
  const joined = startText(text);
  const changed: number[] = [];
  for (let w = 0; w < bounds.length; w += 2) {
    changed.push(joined.length());
    const word = change(sliceText(text, bounds[w] ?? 0, bounds[w + 1] ?? 0));
    joined.appendSlice(word, 0, word.text.length);
    changed.push(joined.length());
  }
  return { text: joined.finish(), bounds: changed };
}

/**
 * @param words the pattern of a word, compiled on first use: its classes take a cold isolate a millisecond
 * @param ascii the same for a text of ASCII
 */
function splitInto(words: string, ascii: RegExp): Step {
  let whole: RegExp | undefined;
  return (source) => splitBy(source, (word) => (isAscii(word) ? ascii : (whole ??= new RegExp(words, 'gv'))));
}

function createStep(json: PreTokenizerJson): Step {
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
      const split: Step = json.use_regex ? splitInto(BYTE_LEVEL, BYTE_LEVEL_ASCII) : (words) => words;
      const begin: Step = (words) =>
        changeWords(words, (word) => (word.text.startsWith(' ') ? word : prepend(word, ' ')));
      return (words) => spellWords(split(json.add_prefix_space ? begin(words) : words));
    }
    case 'Metaspace': {
      const { replacement } = json;
      const scheme = json.add_prefix_space ? json.prepend_scheme : 'never';
      const escaped = escapePattern(replacement);
      const pattern = new RegExp(`${escaped}[^${escaped}]*|[^${escaped}]+`, 'gv');
      const begin = (word: AlignedText) => {
        const spelled = replaceMatches(word, / /g, () => replacement);
        const isBegun = scheme === 'never' || (scheme === 'first' && word.starts[0] !== 0);
        return isBegun || spelled.text.startsWith(replacement) ? spelled : prepend(spelled, replacement);
      };
      return (words) => {
        const begun = changeWords(words, begin);
        return json.split ? splitBy(begun, () => pattern) : begun;
      };
    }
  }
}

/** Spells the bytes of each word. */
function spellWords({ text, bounds }: Words): Words {
  const joined = startText(text);
  const spelled: number[] = [];
  for (let w = 0; w < bounds.length; w += 2) {
    spelled.push(joined.length());
    for (let at = bounds[w] ?? 0, to = bounds[w + 1] ?? 0; at < to;) {
      const point = text.text.codePointAt(at) ?? 0;
      joined.append(spellCharacter(point), text.starts[at] ?? 0, text.ends[at] ?? 0);
      at += point > 0xffff ? 2 : 1;
    }
    spelled.push(joined.length());
  }
  return { text: joined.finish(), bounds: spelled };
}
