/** Creates the `normalizer` of a `tokenizer.json`, which changes a text before it is split. No I/O. */
import {
  type AlignedText,
  alignText,
  changeWhole,
  mapCharacters,
  prepend,
  replaceMatches,
  sliceText,
} from '../aligned-text.ts';
import { readPattern } from '../patterns.ts';
import { checkReplacements } from '../replacements.ts';
import { NORMALIZER, type NormalizerJson, readStage } from '../tokenizer-json.ts';
import { normalizeText } from './normalization-forms.ts';
import { createPrecompiled } from './precompiled.ts';
import {
  IDEOGRAPHS,
  isAscii,
  isWhitespace,
  MARKS,
  NONSPACING,
  OTHER_BLANKS,
  OTHERS,
  type CharacterClass,
} from '../unicode.ts';

/**
 * @param made (steps,) code units that each step made of the sections of the same text before this one, to which it adds
 */
export type Normalizer = (source: AlignedText, made?: number[]) => AlignedText;
type Step = (source: AlignedText) => AlignedText;

/**
 * @param charsmap of `Precompiled`
 * @throws naming the field that is not supported, or a step that makes texts too long
 */
export function createNormalizer(json: unknown, charsmap: Uint8Array = new Uint8Array()): Normalizer {
  const read = readStage('normalizer', 'normalizers', NORMALIZER, json);
  const created = read.map((step) => createSteps(step, charsmap));
  const steps = created.flat();
  checkReplacements(
    'normalizer',
    read.map((step, i) => ({
      name: `step ${i + 1} (${step.type})`,
      replace: step.type === 'Replace' ? { pattern: readPattern(step.pattern), content: step.content } : undefined,
      apply: (text) => (created[i] ?? []).reduce((changed, change) => change(changed), alignText(text)).text,
    })),
  );
  return (source, made = []) =>
    steps.reduce((text, step, i) => {
      const changed = step({ ...text, made: made[i] ?? 0 });
      made[i] = (made[i] ?? 0) + changed.text.length;
      return changed;
    }, source);
}

function createSteps(json: NormalizerJson, charsmap: Uint8Array): Step[] {
  return json.type === 'BertNormalizer' ? createBertNormalizer(json) : [createStep(json, charsmap)];
}

type StepJson = Exclude<NormalizerJson, { type: 'BertNormalizer' }>;

function createStep(json: StepJson, charsmap: Uint8Array): Step {
  switch (json.type) {
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return (source) => normalizeText(source, json.type);
    case 'StripAccents':
      return (source) => remove(source, MARKS);
    case 'Lowercase':
      return lowercase;
    case 'Nmt':
      return cleanForTranslation;
    case 'Replace': {
      const { regex } = readPattern(json.pattern);
      return (source) => replaceMatches(source, regex, () => json.content);
    }
    case 'Prepend':
      return (source) => prepend(source, json.prepend);
    case 'Strip':
      return (source) => strip(source, json.strip_left, json.strip_right);
    case 'Precompiled':
      return createPrecompiled(charsmap);
  }
}

function createBertNormalizer(json: NormalizerJson & { type: 'BertNormalizer' }): Step[] {
  const steps: Step[] = [];
  if (json.clean_text) {
    steps.push((source) => replaceClass(remove(source, OTHERS), OTHER_BLANKS, () => ' '));
  }
  if (json.handle_chinese_chars) {
    steps.push((source) => replaceClass(source, IDEOGRAPHS, (character) => ` ${character} `));
  }
  if (json.strip_accents ?? json.lowercase) {
    steps.push(
      (source) => normalizeText(source, 'NFD'),
      (source) => remove(source, NONSPACING),
    );
  }
  if (json.lowercase) steps.push(lowercase);
  return steps;
}

const replaceClass = (source: AlignedText, one: CharacterClass, contentOf: (character: string) => string) =>
  replaceMatches(source, one.patternFor(source.text), contentOf);
const remove = (source: AlignedText, one: CharacterClass) => replaceClass(source, one, () => '');

/** Character by character, so a final sigma becomes an ordinary one. It is all that depends on other characters. */
function lowercase(source: AlignedText): AlignedText {
  const { text } = source;
  if (isAscii(text)) return { ...source, text: text.toLowerCase() };
  const change = () => mapCharacters(source, (character) => character.toLowerCase());
  return text.includes('\u03a3') ? change() : changeWhole(source, () => text.toLowerCase(), change);
}

function strip(source: AlignedText, left: boolean, right: boolean): AlignedText {
  const { text } = source;
  let [from, to] = [0, text.length];
  if (left) while (from < to && isWhitespace(text.charAt(from))) from++;
  if (right) while (to > from && isWhitespace(text.charAt(to - 1))) to--;
  return sliceText(source, from, to);
}

const CONTROLS = /[\p{Cc}--[\0\t\n\f\r\x80-\x8e\x90-\x9e]]/gv;
const INVISIBLE = /[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/gv;

/** SentencePiece's rules for translation: removes controls, and replaces whitespace and invisible characters by a space. */
const cleanForTranslation = (source: AlignedText): AlignedText =>
  replaceMatches(
    replaceMatches(source, CONTROLS, () => ''),
    INVISIBLE,
    () => ' ',
  );
