/** Creates the `normalizer` of a `tokenizer.json`, which changes a text before it is split. No I/O. */
import { type AlignedText, alignText, mapCharacters, prepend, replaceMatches, sliceText } from '../aligned-text.ts';
import { readPattern } from '../patterns.ts';
import { checkReplacements } from '../replacements.ts';
import { NORMALIZER, type NormalizerJson, readStage } from '../tokenizer-json.ts';
import { normalizeText } from './normalization-forms.ts';
import { createPrecompiled } from './precompiled.ts';
import { isWhitespace, isIdeograph, isMark, isNonspacing, isOther } from '../unicode.ts';

export type Normalizer = (source: AlignedText) => AlignedText;

/**
 * @param charsmap of `Precompiled`
 * @throws naming the field that is not supported, or a step that makes texts too long
 */
export function createNormalizer(json: unknown, charsmap: Uint8Array = new Uint8Array()): Normalizer {
  const read = readStage('normalizer', 'normalizers', NORMALIZER, json);
  const steps = read.map((step) => createStep(step, charsmap));
  checkReplacements(
    'normalizer',
    read.map((step, i) => ({
      name: `step ${i + 1} (${step.type})`,
      replace: step.type === 'Replace' ? { pattern: readPattern(step.pattern), content: step.content } : undefined,
      apply: (text) => steps[i]?.(alignText(text)).text ?? '',
    })),
  );
  return (source) => steps.reduce((text, step) => step(text), source);
}

function createStep(json: NormalizerJson, charsmap: Uint8Array): Normalizer {
  switch (json.type) {
    case 'BertNormalizer':
      return createBertNormalizer(json);
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return (source) => normalizeText(source, json.type);
    case 'StripAccents':
      return (source) => mapCharacters(source, (character) => (isMark(character) ? '' : character));
    case 'Lowercase':
      return lowercase;
    case 'Nmt':
      return (source) => mapCharacters(source, cleanForTranslation);
    case 'Replace': {
      const { regex } = readPattern(json.pattern);
      return (source) => replaceMatches(source, regex, json.content);
    }
    case 'Prepend':
      return (source) => prepend(source, json.prepend);
    case 'Strip':
      return (source) => strip(source, json.strip_left, json.strip_right);
    case 'Precompiled':
      return createPrecompiled(charsmap);
  }
}

function createBertNormalizer(json: NormalizerJson & { type: 'BertNormalizer' }): Normalizer {
  const steps: Normalizer[] = [];
  if (json.clean_text) {
    steps.push((source) =>
      mapCharacters(source, (character) => (isOther(character) ? '' : isWhitespace(character) ? ' ' : character)),
    );
  }
  if (json.handle_chinese_chars) {
    steps.push((source) =>
      mapCharacters(source, (character) => (isIdeograph(character) ? ` ${character} ` : character)),
    );
  }
  if (json.strip_accents ?? json.lowercase) {
    steps.push((source) =>
      mapCharacters(normalizeText(source, 'NFD'), (character) => (isNonspacing(character) ? '' : character)),
    );
  }
  if (json.lowercase) steps.push(lowercase);
  return (source) => steps.reduce((text, step) => step(text), source);
}

/** Character by character, so a final sigma becomes an ordinary one. */
function lowercase(source: AlignedText): AlignedText {
  return mapCharacters(source, (character) => character.toLowerCase());
}

function strip(source: AlignedText, left: boolean, right: boolean): AlignedText {
  const { text } = source;
  let [from, to] = [0, text.length];
  if (left) while (from < to && isWhitespace(text.charAt(from))) from++;
  if (right) while (to > from && isWhitespace(text.charAt(to - 1))) to--;
  return sliceText(source, from, to);
}

/** SentencePiece's rules for translation: removes controls, and replaces whitespace and invisible characters by a space. */
function cleanForTranslation(character: string): string {
  if (/^[\p{Cc}--[\0\t\n\f\r\x80-\x8e\x90-\x9e]]$/v.test(character)) return '';
  return /^[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]$/.test(character) ? ' ' : character;
}
