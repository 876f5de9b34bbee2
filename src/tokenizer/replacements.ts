/** Bounds what the `Replace` steps of a stage cost and how much longer they make a text. No I/O. */
import type { Pattern } from './patterns.ts';
import { MAX_REPLACE_GROWTH, MAX_STAGE_PATTERN_STEPS } from './tokenizer-limits.ts';

/** A step of a stage. */
export interface StageStep {
  /** As a person finds it in the file. */
  readonly name: string;
  /** Of `Replace`. */
  readonly replace: { readonly pattern: Pattern; readonly content: string } | undefined;
  /** Changes a text, whatever the kind of the step. */
  readonly apply: (text: string) => string;
}

/**
 * @param stage its name
 * @throws naming the step that makes a text too long, or that needs too much time
 */
export function checkReplacements(stage: string, steps: readonly StageStep[]): void {
  const refuse = (name: string, why: string) => {
    throw new Error(`tokenizer.json: ${stage} is not supported: ${name} ${why}`);
  };
  let tried = 0;
  for (const [i, { name, replace }] of steps.entries()) {
    if (!replace) continue;
    tried += replace.pattern.steps;
    if (tried > MAX_STAGE_PATTERN_STEPS) {
      refuse(
        name,
        `and the patterns before it try ${tried} characters at each place of a text; the limit is ${MAX_STAGE_PATTERN_STEPS}`,
      );
    }
    let growth = factorOf(replace);
    // What this step writes, and what the later ones make of that.
    let written = replace.content;
    for (const later of steps.slice(i + 1)) {
      if (!later.replace) written += later.apply(written);
      else if (Array.from(written).some(later.replace.pattern.accepts)) {
        growth *= Math.max(1, factorOf(later.replace));
        written += later.replace.content;
      }
      if (growth > MAX_REPLACE_GROWTH) break;
      // The order does not matter here, and a text without repetitions stays short.
      written = Array.from(new Set(written)).join('');
    }
    if (growth > MAX_REPLACE_GROWTH) {
      refuse(
        name,
        `makes a character ${Math.round(growth)} times as long, together with the steps after it; the limit is ${MAX_REPLACE_GROWTH}`,
      );
    }
  }
}

/** Beside each character, there may be two empty matches. */
const factorOf = ({ pattern, content }: NonNullable<StageStep['replace']>) =>
  pattern.shortest === 0 ? 1 + 2 * content.length : content.length / pattern.shortest;
