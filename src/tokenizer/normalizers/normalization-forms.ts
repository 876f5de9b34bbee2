/** The four normalization forms (Unicode Standard Annex #15) with alignments, as Unicode 9.0 had them. No I/O. */
import { type AlignedText, changeWhole, type Put, transform } from '../aligned-text.ts';
import { INDECOMPOSABLE, isAscii, MARKS, SINCE_9 } from '../unicode.ts';

export type NormalizationForm = 'NFC' | 'NFD' | 'NFKC' | 'NFKD';

/** One mark of each combining class of Unicode 9.0. None of them has a decomposition. */
const CLASSES = Array.from(
  '\u0334\u093c\u3099\u094d\u05b0\u05b1\u05b2\u05b3\u05b4\u05b5\u05b6\u05b7\u05b8\u05b9\u05bb\u05bc\u05bd\u05bf\u05c1' +
    '\u05c2\ufb1e\u064b\u064c\u064d\u0618\u0619\u061a\u0651\u0652\u0670\u0711\u0c55\u0c56\u0e38\u0e48\u0eb8\u0ec8' +
    '\u0f71\u0f72\u0f74\u0321\u1dce\u031b\u302a\u0316\u059a\u302e\u{1d16d}\u05ae\u0300\u0315\u035c\u035d\u0345',
);
const HIGHEST = '\u0345';
/** Orders by character. At most every mark of Unicode. */
const orders = new Map<string, number>();

export function normalizeText(source: AlignedText, form: NormalizationForm): AlignedText {
  if (isAscii(source.text)) return source;
  const { text } = source;
  const change = () =>
    transform(source, (put) => {
      if (form === 'NFD' || form === 'NFKD') return decompose(text, form, put);
      const composer = compose(put);
      decompose(text, form === 'NFC' ? 'NFD' : 'NFKD', composer.put);
      composer.finish();
    });
  // The forms of a character never change once it is assigned.
  const whole = () => (text.search(SINCE_9.patternFor(text)) < 0 ? text.normalize(form) : change().text);
  return changeWhole(source, whole, change);
}

/** @returns the full decomposition of a character */
const decomposition = (character: string, form: 'NFD' | 'NFKD'): string =>
  INDECOMPOSABLE.has(character) ? character : character.normalize(form);

/** Decomposes a text and sorts its marks in canonical order. The changes move with their characters. */
function decompose(text: string, form: 'NFD' | 'NFKD', put: Put): void {
  let marks: { character: string; change: number; order: number }[] = [];
  const putMarks = () => {
    if (marks.length === 0) return;
    for (const mark of marks.toSorted((a, b) => a.order - b.order)) put(mark.character, mark.change);
    marks = [];
  };
  for (const whole of text) {
    let change = 0;
    for (const character of decomposition(whole, form)) {
      const order = combiningOrder(character);
      if (order > 0) marks.push({ character, change, order });
      else {
        putMarks();
        put(character, change);
      }
      change = 1;
    }
  }
  putMarks();
}

/** @param put gets the characters when they are composed; the last ones by `finish` */
function compose(put: Put): { put: (character: string, change: number) => void; finish: () => void } {
  let starter: string | undefined;
  let starterChange = 0;
  /** Marks after the starter that do not compose with it, and the order of the last of them. */
  let marks: { character: string; change: number }[] = [];
  let last = 0;
  const finish = () => {
    if (starter !== undefined) put(starter, starterChange);
    if (marks.length === 0) return;
    for (const mark of marks) put(mark.character, mark.change);
    marks = [];
    last = 0;
  };
  return {
    finish,
    put(character, change) {
      const order = combiningOrder(character);
      const blocked = marks.length > 0 && last >= order;
      const composed = starter !== undefined && !blocked ? composePair(starter, character) : undefined;
      if (composed !== undefined) {
        starter = composed;
        starterChange += change - 1;
      } else if (order === 0) {
        finish();
        starter = character;
        starterChange = change;
      } else if (starter !== undefined) {
        marks.push({ character, change });
        last = order;
      } else put(character, change);
    },
  };
}

/** The one character that is canonically equivalent to two, if there is one. */
function composePair(first: string, second: string): string | undefined {
  const composed = (first + second).normalize('NFC');
  const isOne = composed.length === ((composed.codePointAt(0) ?? 0) > 0xffff ? 2 : 1);
  // The second must stay last: a mark with a lower class would move before other marks.
  if (!isOne || composed.normalize('NFD') !== first.normalize('NFD') + second) return undefined;
  return [first, second, composed].some(INDECOMPOSABLE.has) ? undefined : composed;
}

/** Whether canonical order is the reverse. */
function swaps(first: string, second: string): boolean {
  return first !== second && (first + second).normalize('NFD') === second + first;
}

/**
 * A number that sorts characters as their canonical combining classes do; 0 for a starter. JavaScript does not expose the
 * classes, but it reorders two marks by them.
 */
function combiningOrder(character: string): number {
  if (!MARKS.has(character)) return 0;
  const known = orders.get(character);
  if (known !== undefined) return known;
  const isStarter = character !== HIGHEST && !swaps(HIGHEST, character);
  const order = isStarter ? 0 : 1 + CLASSES.filter((mark) => swaps(character, mark)).length;
  orders.set(character, order);
  return order;
}
