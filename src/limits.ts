/** Every limit of a request. Names give the unit. No I/O. */

/** 32 texts of the greatest length in UTF-8, with room for JSON escapes. */
export const MAX_BODY_BYTES = 512 * 1024;

/** A body of no more is read without a bound on all of them: a caller's rate limit bounds their number. */
export const SMALL_BODY_BYTES = 16 * 1024;

/** Bytes that all requests together hold while larger bodies arrive and larger answers are read. */
export const MAX_HELD_BYTES = 8_000_000;

/** How long a client may take nothing of its answer. */
export const READER_TIMEOUT_MS = 30_000;

/** How long a client may take to send its body. */
export const BODY_TIMEOUT_MS = 30_000;

/** After this time a request that said nothing holds no bytes: longer than both timeouts. */
export const HELD_LEASE_MS = 40_000;

/** Each text is a model run: at 512 tokens, the default model needs some tenths of a second of CPU for one. */
export const MAX_TEXTS = 32;

/** UTF-16 code units of one text: eight for each of 512 tokens. Bounds the input of the tokenizer. */
export const MAX_TEXT_LENGTH = 4096;

/**
 * The same for a text that is truncated around its masks: eight times as much. All of it is tokenized, since the answer says
 * how many tokens were cut: without offsets, in time linear in its length (n log n for BPE), tens of milliseconds.
 */
export const MAX_TRUNCATED_TEXT_LENGTH = 32_768;

/**
 * How many times longer a tokenizer's normalizer may make a text. Common scripts become at most three times as long: spaces
 * around ideographs, or the decomposition of Hangul. A few characters become 18.
 */
export const MAX_NORMALIZED_GROWTH = 4;

/** UTF-16 code units. A shorter text may become as long as one of this length. */
export const MIN_NORMALIZED_BASE = 1024;

/**
 * Multiply-adds of all runs of one request, unless MAX_REQUEST_GMACS is set: about 10 s of CPU on a slow host, which computes
 * 20 billion a second.
 */
export const DEFAULT_MAX_REQUEST_WORK = 200e9;

/** Multiply-adds that are one unit of the budget of a caller, half a second of a slow host. Less is owed until it adds up. */
export const EXPENSIVE_WORK = 10e9;

/** Units of a period, unless EXPENSIVE_LIMIT is set: the binding does not tell. */
export const DEFAULT_EXPENSIVE_LIMIT = 60;

/** Callers whose accounts an isolate keeps. */
export const MAX_ACCOUNTS = 2_000;

/** How long a request may ask the platform for a unit before another request asks for it. */
export const UNIT_LEASE_MS = 1_000;

/** The period of both rate limits, which the binding does not tell. wrangler.toml has the same. */
export const RATE_LIMIT_PERIOD_S = 60;

/** Multiply-adds per second of a slow host, for estimating a wait. */
export const SLOW_WORK_PER_SECOND = 20e9;

/**
 * What a request takes beside its runs, in multiply-adds of a slow host, so that a nanosecond is 20. The dearest shape of each was
 * measured on one core of an AMD EPYC, in Node 22 or workerd, and rounded up.
 */
export const WORK_OF = {
  /** 0.4 ms: routing, digests, caches and the log. */
  request: 8e6,
  /** 40 ns of decoding, JSON.parse and validation: half a megabyte of nested lists. */
  bodyCharacter: 800,
  /** 2.5 µs: Hangul, which ALBERT's normalizer decomposes. English takes 0.5 µs. */
  tokenizedCharacter: 50_000,
  /** 60 ns: pieces and offsets of punctuation, as /tokenize writes them. */
  answeredByte: 1_200,
  /** 5 ns: the first request of an isolate takes 53 ms longer than another, and reads 16 MB (docs/deploying.md). */
  loadedByte: 100,
  /** $0.36 for a million reads from R2 is the price of 18 ms each: the budget bounds what an owner pays. */
  read: 360e6,
} as const;

/** Multiply-adds that may be admitted and unfinished at once. Further requests are answered 429. */
export const MAX_ADMITTED_WORK = 300e9;

/** Multiply-adds after which a run yields to other requests: 5 to 10 ms, since a cheap request takes several turns of the event loop. */
export const SLICE_WORK = 0.2e9;

/** How long the holder of the model may make no progress before the next request takes over. */
export const RUN_LEASE_MS = 1_000;

/** After waiting this long for the model, a request goes before all shorter ones. */
export const RUN_PATIENCE_MS = 2_000;

/** Tokens of one answer of `/tokenize`, about 150 bytes each. */
export const MAX_TOKENIZED = 32 * 512;

/** Each mask adds a row of logits, one for each piece of the vocabulary. */
export const MAX_MASKS_PER_TEXT = 16;

/**
 * Rows of logits that are held at once: 6 MB with a vocabulary of 50,000. A run returns no more, so a larger request is
 * several runs.
 */
export const MAX_MASKS_PER_RUN = 32;

/**
 * Bytes of JSON from which on an answer is streamed, in parts of as many. A smaller one is held without a bound on all of them: a
 * caller's rate limit bounds their number.
 */
export const STREAM_PART_BYTES = 65_536;

/** Bytes of all sequences of an answer, as JSON escapes them. */
export const MAX_ANSWER_BYTES = 4_000_000;

/** The same for GET, whose answer is made as a whole to compute its ETag. */
export const MAX_GET_ANSWER_BYTES = 250_000;

/**
 * V8's heap of a candidate, and of each piece after its first one: 185 to 234 bytes and 98 in Node 22, and a function that
 * writes it. A token of /score or /tokenize is no larger.
 */
export const CANDIDATE_BYTES = 300;
export const FURTHER_PIECE_BYTES = 100;

/** As in the Hugging Face task. */
export const DEFAULT_TOP_K = 5;

/** Candidates for the mask of a text with one mask. */
export const MAX_TOP_K = 1000;

/** Candidates for each mask of a text with several masks, and combinations of a joint search. */
export const MAX_TOP_K_OF_SEVERAL = 100;

/** Beams of a search. A joint search returns no more combinations than it keeps. */
export const DEFAULT_NUM_BEAMS = 8;
export const MAX_NUM_BEAMS = MAX_TOP_K_OF_SEVERAL;

/** Pieces of a word that `whole_words` finds. Each needs a run of the model for each beam. */
export const MAX_WORD_PIECES = 4;

export const MAX_TARGETS = 100;

/** Pieces of a target. Each needs a run of the model. */
export const MAX_TARGET_PIECES = 16;

/** Targets × different characters before a mask. Each needs one tokenization, about a tenth of a millisecond. */
export const MAX_TARGET_TOKENIZATIONS = 1024;

/** UTF-16 code units of one target: eight for each of its pieces. */
export const MAX_TARGET_LENGTH = 128;

/** Bytes of a read from R2, if no read has failed: its default reader hands out 4 kB at a time, which costs three times as much. */
export const R2_READ_BYTES = 256 * 1024;

/** Days that an answer or an encoding is cached, unless CACHE_DAYS says otherwise. It never becomes wrong: its key has the revision. */
export const DEFAULT_CACHE_DAYS = 1;

/** Memory of an isolate for JavaScript and WASM together. */
export const ISOLATE_BYTES = 128_000_000;

/** V8's heap with the script and a tokenizer whose file is empty; `npm run bench:sizes` measures heaps. */
export const SCRIPT_HEAP_BYTES = 2_500_000;

/** V8's heap of a tokenizer for each byte of its file: at most 1.2 (`npm run bench:tokenizers`). */
export const TOKENIZER_HEAP_RATIO = 1.25;

/** Kept by an isolate beside its model: token ids of texts, and answers of about 2 kB. */
export const MAX_CACHED_ENCODINGS = { entries: 5_000, bytes: 2_000_000 };
export const MAX_CACHED_PREDICTIONS = { entries: 5_000, bytes: 5_000_000 };
export const MAX_CACHED_SCORES = { entries: 1_000, bytes: 2_000_000 };
export const MAX_CACHED_PAIRS = { entries: 1_000, bytes: 500_000 };

/** Longest read of the edge cache. Computing the answer for a short text takes less. */
export const CACHE_READ_TIMEOUT_MS = 150;

/**
 * Edge cache operations of one request, unless CACHE_OPERATIONS is set. The Free plan allows 50 subrequests, and reads of the
 * bucket are some of them.
 */
export const DEFAULT_CACHE_OPERATIONS = 45;

/** The subrequests of the Paid plan. */
export const MAX_CACHE_OPERATIONS = 1000;

/** What `npm run deploy` sets on the Paid plan: half of its subrequests. MAX_TEXTS texts use four operations each. */
export const PAID_CACHE_OPERATIONS = 500;

/** How long the request that computes an answer may make no progress before another request computes it. */
export const IN_FLIGHT_LEASE_MS = 2_000;

/** Longest pause of a bucket read without a byte. */
export const READ_TIMEOUT_MS = 3_000;

/** Pauses before a read is retried. Each is extended at random by up to its own length. */
export const READ_RETRIES_MS = [100, 400] as const;

/** How long the request that loads a model may make no progress before another loads it: longer than a read and its pauses. */
export const LOAD_LEASE_MS = 6_000;

/** How long a failed load answers all requests before the next attempt. */
export const LOAD_PAUSE_MS = 1_000;
