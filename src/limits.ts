/** Every bound on what one request may ask for. Sizes are in the unit the name says. No I/O. */

/** 32 texts of the longest admitted kind, in UTF-8, with room for JSON's escapes. */
export const MAX_BODY_BYTES = 512 * 1024;

/** How long a client may take to send its body. */
export const BODY_TIMEOUT_MS = 30_000;

/** Each text is a model run: at 512 tokens, the default model needs some tenths of a second of CPU for one. */
export const MAX_TEXTS = 32;

/**
 * UTF-16 code units of one text, eight for each of 512 tokens. It bounds what the tokenizer is given.
 */
export const MAX_TEXT_LENGTH = 4096;

/**
 * The same where the text is cut around its masks: as much again as eight models read. All of it is tokenized, which is
 * linear in its length.
 */
export const MAX_TRUNCATED_TEXT_LENGTH = 32_768;

/**
 * Multiply-adds of one request, over all of its runs, unless MAX_REQUEST_GMACS says otherwise: about 10 s of CPU at the 20
 * billion a second that a slow host computes.
 */
export const DEFAULT_MAX_REQUEST_WORK = 200e9;

/** Multiply-adds a second of a slow host: what a wait is estimated by. */
export const SLOW_WORK_PER_SECOND = 20e9;

/** Multiply-adds that may be admitted and not done at once. More work is answered 429. */
export const MAX_ADMITTED_WORK = 300e9;

/** Multiply-adds after which a run yields to other requests: 5 to 10 ms, since a cheap request takes several turns of the event loop. */
export const SLICE_WORK = 0.2e9;

/** How long the holder of the model may make no progress before the next request takes over. */
export const RUN_LEASE_MS = 1_000;

/** How long a request may wait for the model before it goes before all shorter ones. */
export const RUN_PATIENCE_MS = 2_000;

/** Tokens of one answer of `/tokenize`: each is 150 bytes of it. */
export const MAX_TOKENIZED = 32 * 512;

/** Each mask adds a row of the vocabulary's size to the answer of the model. */
export const MAX_MASKS_PER_TEXT = 16;

/**
 * Rows of logits that are held at once: with a vocabulary of 50,000 they are 6 MB. A run gives no more, and a larger request
 * is several runs.
 */
export const MAX_MASKS_PER_RUN = 32;

/** Characters of all sequences of an answer. It is streamed, a list of candidates at a time. */
export const MAX_ANSWER_LENGTH = 4_000_000;

/** The same for GET, whose answer is held as a whole for its ETag. */
export const MAX_GET_ANSWER_LENGTH = 250_000;

/** As the Hugging Face task has it: five candidates unless more are asked for. */
export const DEFAULT_TOP_K = 5;
export const MAX_TOP_K = 100;

/** Of a joint search. A search gives no more combinations than it keeps, so it keeps as many as may be asked for. */
export const DEFAULT_NUM_BEAMS = 8;
export const MAX_NUM_BEAMS = MAX_TOP_K;

export const MAX_TARGETS = 100;

/** Pieces of a target. Each one is a run of the model; words of more pieces are no words. */
export const MAX_TARGET_PIECES = 16;

/** Targets × different characters before a mask. Each is one tokenization, of about a tenth of a millisecond. */
export const MAX_TARGET_TOKENIZATIONS = 1024;

/** UTF-16 code units of one target: eight for each of its pieces. */
export const MAX_TARGET_LENGTH = 128;

/** The least size of a read from R2: its default reader hands out 4 kB at a time, which costs three times as much. */
export const R2_READ_BYTES = 1024 * 1024;

/** How long an answer or an encoding stays in the data centre, if it is asked for. It never becomes wrong: its key has the revision. */
export const CACHE_TTL_SECONDS = 30 * 24 * 3600;

/** In an isolate, next to a model of up to 96 MB of its 128: token ids of texts, and answers of some 2 kB. */
export const MAX_CACHED_ENCODINGS = { entries: 5_000, bytes: 2_000_000 };
export const MAX_CACHED_PREDICTIONS = { entries: 5_000, bytes: 8_000_000 };
export const MAX_CACHED_SCORES = { entries: 1_000, bytes: 2_000_000 };
export const MAX_CACHED_PAIRS = { entries: 1_000, bytes: 500_000 };

/** What a read of the data centre's cache may take: computing a short text anew takes less. */
export const CACHE_READ_TIMEOUT_MS = 150;

/** Of the data centre's cache, for one request: Workers allow 50 on the Free plan, and a batch may ask for more. */
export const MAX_EDGE_CACHE_OPERATIONS = 45;

/** How long the request that computes an answer may make no progress before another computes it anew. */
export const IN_FLIGHT_LEASE_MS = 2_000;

/** How long a read from the bucket may bring no byte. */
export const READ_TIMEOUT_MS = 3_000;

/** Pauses before a read is tried again, each with up to as much again at random. */
export const READ_RETRIES_MS = [100, 400] as const;

/** How long the request that loads a model may make no progress before another loads it: longer than a read and its pause. */
export const LOAD_LEASE_MS = 6_000;

/** How long the failure of a load answers all requests, before the next attempt. */
export const LOAD_PAUSE_MS = 1_000;
