/**
 * Versions of the cached values. Raise one when the format of its entries changes, or anything that they are computed with and
 * their key does not name.
 */
export const ANSWER_VERSION = 2;
export const PREDICTION_VERSION = 6;
export const SCORE_VERSION = 3;
export const PAIR_VERSION = 3;
