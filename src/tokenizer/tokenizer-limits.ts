/**
 * The limits of a tokenizer file, which may come from a stranger: no text may cost much more with one file than with another.
 * Files of published models stay far below. No I/O.
 */

/** `Sequence` in `Sequence`. */
export const MAX_STAGE_DEPTH = 8;

/** Steps of one stage, together with those in its sequences. Each changes a whole text. */
export const MAX_STAGE_STEPS = 64;

/** Characters that a pattern may try at one place of a text. */
export const MAX_PATTERN_STEPS = 256;

/** The same for all patterns of a stage. */
export const MAX_STAGE_PATTERN_STEPS = 1024;

/** How many times longer the `Replace` steps of a stage may make a character, each applied to what the others wrote. */
export const MAX_REPLACE_GROWTH = 64;

/** UTF-16 code units of a prefix. */
export const MAX_PREFIX_LENGTH = 64;

/** UTF-16 code units of an added token: each may be looked for at each place of a text. */
export const MAX_ADDED_TOKEN_LENGTH = 128;

/** UTF-16 code units of a piece of WordPiece or unigram: each may be looked for at each place of a text. */
export const MAX_PIECE_LENGTH = 256;

/** Special tokens and texts in a template of the post-processor, and ids of a special token. */
export const MAX_TEMPLATE_LENGTH = 16;
