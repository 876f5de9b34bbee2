/** The model's answers as they are cached, before they are put into a text. Schemas, so that a cached entry can be checked. */
import * as v from 'valibot';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const pair = v.tuple([count, count]);

const candidate = v.object({
  token: count,
  score: v.number(),
  token_str: v.string(),
  /** Several ids: the pieces of a target, or one id for each mask of a combination. */
  token_ids: v.optional(v.array(count)),
  token_strs: v.optional(v.array(v.string())),
  /** As it was sent, if the question has targets. */
  target: v.optional(v.string()),
  /** The text that replaces the mask; for a combination, one for each mask. */
  fills: v.array(v.string()),
  /** (fills,) whether it joins the word before it; absent where none does. */
  joins: v.optional(v.array(v.boolean())),
});
export const candidates = v.array(v.array(candidate));
/** (masks, top_k) best first. Combinations are one list for all masks. */
export type Candidates = v.InferOutput<typeof candidates>;

export const scoredTokens = v.array(
  v.object({
    token: count,
    token_str: v.string(),
    score: v.number(),
    offsets: v.object({ utf16: pair, code_points: pair }),
  }),
);
export type ScoredTokens = v.InferOutput<typeof scoredTokens>;

/** The probabilities of the two labels of a sentence head, in the order of its logits. */
export const labelProbabilities = v.tuple([v.number(), v.number()]);
export type LabelProbabilities = v.InferOutput<typeof labelProbabilities>;
