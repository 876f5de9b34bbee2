/**
 * The most likely combinations for several masks, by beam search over the order of filling. Each partial combination may fill
 * any of its open masks next, so what is certain is filled first, and what depends on it afterwards. The score of a combination
 * is the product of the probabilities along the most likely order that was found. No I/O of its own.
 */
import { topCandidates } from './top-k.ts';
import type { Encoding } from '../inference/backend.ts';
import type { Work } from './work.ts';
import { logitsRow, type Runner, runModel } from './runs.ts';

/** Words for all masks of a text. */
export interface Combination {
  /** (masks,) */
  readonly tokens: readonly number[];
  /** Natural logarithm of the product of probabilities. */
  readonly log_probability: number;
}

/** Marks an open mask in a list of ids. */
const OPEN = -1;
/** How many candidates are collected before they are cut to the beams, as a multiple of these. */
const HELD = 4;

/**
 * @param costOf multiply-adds of a text of so many tokens, with the logits of so many masks
 * @returns multiply-adds of a search, at most: one run at first, then one for each beam at each step
 */
export function searchWork(
  { input_ids, masked_positions }: Encoding,
  num_beams: number,
  costOf: (tokens: number, rows: number) => number,
): number {
  let work = costOf(input_ids.length, masked_positions.length);
  for (let open = masked_positions.length - 1; open > 0; open--) work += num_beams * costOf(input_ids.length, open);
  return work;
}

/**
 * @param isKept whether an id may fill a mask
 * @returns at most `num_beams` combinations, best first
 */
export async function searchJointly(
  encoding: Encoding,
  num_beams: number,
  runner: Runner,
  work: Work,
  isKept?: (id: number) => boolean,
): Promise<Combination[]> {
  const masks = encoding.masked_positions.length;
  let kept: Combination[] = [{ tokens: Array.from({ length: masks }, () => OPEN), log_probability: 0 }];
  for (let filled = 0; filled < masks; filled++) {
    // The same words may be reached in several orders. What is below the floor is not among the best, at least in this order.
    let reached = new Map<string, Combination>();
    let floor = -Infinity;
    const texts = kept.map(({ tokens }) => withTokens(encoding, tokens));
    await runModel(texts, runner, work, (logits, k) => {
      const { tokens, log_probability: before } = kept[k] as Combination;
      const open = tokens.flatMap((token, m) => (token === OPEN ? [m] : []));
      for (const [o, m] of open.entries()) {
        const { row, total } = logitsRow(logits, o);
        for (const { token } of topCandidates(row, total, num_beams, isKept)) {
          const log_probability = before + row[token]! - total;
          if (log_probability < floor) break;
          const next = tokens.with(m, token);
          const key = next.join(' ');
          if (log_probability > (reached.get(key)?.log_probability ?? -Infinity)) {
            reached.set(key, { tokens: next, log_probability });
          }
        }
        if (reached.size > HELD * num_beams) {
          reached = new Map([...reached].toSorted(([, a], [, b]) => inOrder(a, b)).slice(0, num_beams));
          floor = [...reached.values()].at(-1)?.log_probability ?? floor;
        }
      }
    });
    kept = [...reached.values()].toSorted(inOrder).slice(0, num_beams);
  }
  return kept;
}

/** Most likely first; of equals, the lower ids. */
function inOrder(a: Combination, b: Combination): number {
  const first = a.tokens.findIndex((token, m) => token !== b.tokens[m]);
  return b.log_probability - a.log_probability || (a.tokens[first] ?? 0) - (b.tokens[first] ?? 0);
}

/** The text with some of its masks filled, as a query for the others. */
function withTokens(encoding: Encoding, tokens: readonly number[]): Encoding {
  const input_ids = encoding.input_ids.slice();
  for (const [m, token] of tokens.entries()) if (token !== OPEN) input_ids[encoding.masked_positions[m]!] = token;
  return { ...encoding, input_ids, masked_positions: encoding.masked_positions.filter((_, m) => tokens[m] === OPEN) };
}
