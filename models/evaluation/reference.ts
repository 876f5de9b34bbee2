/** Runs checkpoints of texts through `transformers`. Runs Python. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';

import * as v from 'valibot';

const pair = v.tuple([v.number(), v.number()]);
const ANSWER = v.object({
  transformers: v.string(),
  answers: v.array(
    v.union([
      v.object({ error: v.string() }),
      v.object({
        tokenizer: v.string(),
        texts: v.array(
          v.object({
            /** With the tokenizer's own spelling of the masks. */
            text: v.string(),
            ids: v.array(v.number()),
            /** In code points. */
            offsets: v.array(pair),
            masks: v.optional(v.array(v.object({ log_sum_exp: v.number(), choices: v.array(pair) }))),
          }),
        ),
      }),
    ]),
  ),
});
export type Reference = v.InferOutput<typeof ANSWER>;

/**
 * @param python with transformers, and torch unless only tokenizers are needed
 * @throws if it cannot be run
 */
export async function askReference(
  python: string,
  asked: readonly { readonly folder: string; readonly texts: readonly string[] }[],
  what: 'all' | 'tokenizers' = 'all',
): Promise<Reference> {
  const script = join(import.meta.dirname, 'reference.py');
  const child = spawn(python, [script, ...(what === 'tokenizers' ? ['--tokenizers'] : [])], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' },
  });
  const failed = new Promise<never>((_, reject) => child.on('error', reject));
  child.stdin.on('error', () => undefined); // It ended early: its exit status tells why.
  child.stdin.end(JSON.stringify(asked));
  const [out, said] = await Promise.race([Promise.all([text(child.stdout), text(child.stderr)]), failed]);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), ANSWER), out);
  if (!parsed.success) throw new Error(`${python} returned no answer: ${said.trim().split('\n').at(-1) ?? ''}`);
  return parsed.output;
}
