/** Every bound on what one request may ask for. Sizes are in the unit the name says. No I/O. */

/** 32 texts of the longest admitted kind, in UTF-8, with room for JSON's escapes. */
export const MAX_BODY_BYTES = 512 * 1024;

/** Each text is a model run: at 512 tokens, the default model needs some tenths of a second of CPU for one. */
export const MAX_TEXTS = 32;

/**
 * UTF-16 code units of one text, eight for each of 512 tokens. It bounds what the tokenizer is given: where that is the
 * general library, a long run of characters that the vocabulary lacks costs time in the square of its length, 0.1 s here.
 */
export const MAX_TEXT_LENGTH = 4096;

/** Each mask adds a row of the vocabulary's size to the answer of the model. */
export const MAX_MASKS_PER_TEXT = 16;

/** Characters of all sequences of an answer: an isolate has 128 MB, and the answer is in it several times over. */
export const MAX_ANSWER_LENGTH = 4_000_000;

/** As the Hugging Face task has it: five candidates unless more are asked for. */
export const DEFAULT_TOP_K = 5;
export const MAX_TOP_K = 100;

export const MAX_TARGETS = 100;

/** UTF-16 code units of one target: no vocabulary has a longer piece. */
export const MAX_TARGET_LENGTH = 128;

/** The least size of a read from R2: its default reader hands out 4 kB at a time, which costs three times as much. */
export const R2_READ_BYTES = 1024 * 1024;
