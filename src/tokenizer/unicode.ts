/**
 * The character classes that the crates of `tokenizers` use. Each crate knows another version of Unicode, so characters that
 * JavaScript has added since, up to Unicode 17.0, are removed. A range may include code points that were never in the class.
 * No I/O.
 */

/** Escapes hexadecimal code points and ranges for a character class with the flag `v`. */
const escape = (ranges: string) => ranges.replace(/[0-9a-f]+/g, String.raw`\u{$&}`).replaceAll(' ', '');

/** Added since Unicode 9.0, which crate unicode-normalization-alignments 0.1 uses. */
const MARKS_SINCE_9 = escape(
  '7fd 897-8d3 9fe afa-aff b55 c04-c3c cf3-d00 d3b-d3c d81 eba ece 1715 180f 1abf-1aeb 1cf7 1df6-1dfa a82c a8ff ' +
    '10d24-10f85 11070-11074 110c2 11145-11146 111c9 111ce-111cf 11241 1133b 113b8-113e2 1145e 1182c-11b67 ' +
    '11d31-1612f 16f4f 16f7f-16f87 16fe4-16ff1 1cf00-1cf46 1e08f-1e6f5',
);
const DECOMPOSABLE_SINCE_9 = escape(
  '32ff a7f1-a7f4 ab69 105c9-107ba 11383-113c8 11938-1ccf9 1e030-1e06d 1f16c 1fbf0-1fbf9',
);
/** Added since the version that crate unicode_categories 0.1 uses. */
const NONSPACING_SINCE = escape(
  '7fd 897-8e1 9fe afa-aff b55 c04-c3c d00 d3b-d3c d81 eba ece 180f-1886 1abf-1aeb 1df6-1dfb a82c a8c5 a8ff a9bd ' +
    '10d24-10f85 11070-11074 110c2 111c9 111cf 1123e-11241 1133b 113bb-1145e 1182f-1612f 16f4f 16fe4 1cf00-1cf46 ' +
    '1e000-1e6f5 1e944-1e94a',
);
const PUNCTUATION_SINCE = escape(
  '61d 9fd-a76 c77-c84 1b4e-1b4f 1b7d-1b7f 2e43-2e5d 10d6e-10f89 113d4-1145d 11660-116b9 1183b-11fff 12ff1-12ff2 ' +
    '16d6d-16fe2 1e5ff-1e95f',
);
const FORMATS_SINCE = escape('890-8e2 110cd-1343f');
/** Added since Unicode 16.0, which Oniguruma and crate regex use. */
const LETTERS_SINCE_16 = escape(
  '88f c5c cdc a7ce-a7cf a7d2 a7d4 a7f1 10940-10959 10ec5-10ec7 11db0-11ddb 16ea0-16ed3 16ff2-16ff3 187f8-187ff ' +
    '18d09-18df2 1e6c0-1e6ff 2b73a-2b73f 2cea2-2cead 323b0-33479',
);
const NUMBERS_SINCE_16 = escape('11de0-11de9 16ff4-16ff6');
/** All characters added since Unicode 16.0. */
export const ASSIGNED_SINCE_16 = escape(
  '88f c5c cdc 1acf-1aeb 20c1 2b96 a7ce-a7cf a7d2 a7d4 a7f1 fbc3-fbd2 fd90-fd91 fdc8-fdce 10940-10959 10ec5-10efb ' +
    '11b60-11b67 11db0-11de9 16ea0-16ed3 16ff2-16ff6 187f8-187ff 18d09-18df2 1ccfa-1ccfc 1ceba-1cef0 1e6c0-1e6ff 1f6d8 ' +
    '1f777-1f77a 1f8d0-1f8d8 1fa54-1fa57 1fa8a-1fa8e 1fac8-1facd 1faea-1faef 1fbfa 2b73a-2b73f 2cea2-2cead 323b0-33479',
);
const WORDS_SINCE_16 = escape(
  '88f c5c cdc 1acf-1aeb a7ce-a7cf a7d2 a7d4 a7f1 10940-10959 10ec5-10efb 11b60-11b67 11db0-11de9 16ea0-16ed3 ' +
    '16ff2-16ff6 187f8-187ff 18d09-18df2 1e6c0-1e6ff 2b73a-2b73f 2cea2-2cead 323b0-33479',
);

/** For regular expressions with the flag `v`. */
export const LETTER = String.raw`[\p{L}--[${LETTERS_SINCE_16}]]`;
export const NUMBER = String.raw`[\p{N}--[${NUMBERS_SINCE_16}]]`;
export const WHITESPACE = String.raw`\p{White_Space}`;
export const WORD = String.raw`[[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]--[${WORDS_SINCE_16}]]`;
/** BERT's punctuation includes every ASCII symbol. U+166D was punctuation until Unicode 12.0, U+111C9 from 8.0 to 11.0. */
export const PUNCTUATION = String.raw`[[\p{P}\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e\u{166d}\u{111c9}]--[${PUNCTUATION_SINCE}]]`;

export const isAscii = (text: string): boolean => /^\p{ASCII}*$/v.test(text);

/**
 * A class of characters. The whole pattern is compiled on first use, which takes a cold isolate milliseconds: a text of ASCII, as
 * most are, needs none.
 */
export interface CharacterClass {
  readonly has: (character: string) => boolean;
  /** Finds the characters of the class in a text. With the flag `g`. */
  readonly patternFor: (text: string) => RegExp;
}

/** @param ascii the ASCII characters of the class */
function classOf(pattern: string, ascii = '[]'): CharacterClass {
  const asciiOne = new RegExp(`^${ascii}$`, 'v');
  const asciiAll = new RegExp(ascii, 'gv');
  let one: RegExp | undefined;
  let all: RegExp | undefined;
  return {
    has: (character) =>
      (character.charCodeAt(0) < 0x80 ? asciiOne : (one ??= new RegExp(`^${pattern}$`, 'v'))).test(character),
    patternFor: (text) => (isAscii(text) ? asciiAll : (all ??= new RegExp(pattern, 'gv'))),
  };
}

export const isWhitespace = classOf(WHITESPACE, String.raw`[\t-\r\x20]`).has;
/** `\w` of crate regex. */
export const isWordCharacter = classOf(WORD, String.raw`\w`).has;
/** Whitespace that is not a space yet. */
export const OTHER_BLANKS = classOf(String.raw`[${WHITESPACE}--\x20]`, String.raw`[\t-\r]`);
/** Characters that `StripAccents` removes. U+1CF2 and U+1CF3 were marks until Unicode 12.0. */
export const MARKS = classOf(String.raw`[[\p{M}\u{1cf2}\u{1cf3}]--[${MARKS_SINCE_9}]]`);
/** Characters that `BertNormalizer` removes as accents. U+1734 and U+1171E were such until Unicode 14.0. */
export const NONSPACING = classOf(String.raw`[[\p{Mn}\u{1734}\u{1171e}]--[${NONSPACING_SINCE}]]`);
/** Characters that `BertNormalizer` removes as control characters. */
export const OTHERS = classOf(
  String.raw`[[\p{Cc}\p{Cf}\p{Co}\u{fffd}]--[\t\n\r${FORMATS_SINCE}]]`,
  String.raw`[\0-\x08\v\f\x0e-\x1f\x7f]`,
);
/** BERT's CJK characters: neither Hangul nor kana. */
export const IDEOGRAPHS = classOf(
  `[${escape('4e00-9fff 3400-4dbf 20000-2a6df 2a700-2b73f 2b740-2b81f 2b920-2ceaf f900-faff 2f800-2fa1f')}]`,
);
/** Characters without a decomposition in Unicode 9.0, even if they have one now. */
export const INDECOMPOSABLE = classOf(`[${DECOMPOSABLE_SINCE_9}]`);
/** All characters that Unicode 9.0 normalizes in another way than JavaScript. */
export const SINCE_9 = classOf(`[${MARKS_SINCE_9}${DECOMPOSABLE_SINCE_9}]`);
