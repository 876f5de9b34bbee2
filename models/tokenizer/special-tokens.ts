/** The tokens of a `tokenizer.json` that the pipeline has to know by name. No I/O. */
import * as v from 'valibot';

import type { Manifest } from '../../src/model/manifest.ts';

const FILE = v.object({
  added_tokens: v.array(v.object({ id: v.number(), content: v.string() })),
  model: v.object({
    unk_token: v.nullish(v.string()),
    unk_id: v.nullish(v.number()),
    vocab: v.union([
      v.pipe(
        v.custom<readonly (readonly [string, number])[]>(Array.isArray),
        v.transform((pieces) => new Map(pieces.map(([piece], id) => [piece, id]))),
      ),
      v.pipe(
        v.custom<Record<string, number>>((vocab) => typeof vocab === 'object' && vocab !== null),
        v.transform((vocab) => new Map(Object.entries(vocab))),
      ),
    ]),
  }),
});

/**
 * @param tokenizerJson the text of a `tokenizer.json`
 * @throws where there is no mask, or nothing for what is unknown
 */
export function specialTokensOf(tokenizerJson: string): Manifest['special_tokens'] {
  const { added_tokens, model } = v.parse(FILE, JSON.parse(tokenizerJson));
  const find = (...contents: (string | null | undefined)[]) => {
    const added = added_tokens.find(({ content }) => contents.includes(content));
    if (added) return { id: added.id, token: added.content };
    for (const token of contents) {
      const id = token == null ? undefined : model.vocab.get(token);
      if (token != null && id !== undefined) return { id, token };
    }
  };
  const named = model.unk_id == null ? undefined : Array.from(model.vocab.keys())[model.unk_id];
  const mask = find('[MASK]', '<mask>');
  const unk = find(named ?? model.unk_token) ?? find('<unk>', '[UNK]');
  if (!mask) throw new Error('tokenizer.json: added_tokens has neither [MASK] nor <mask>: it is of no masked model');
  if (!unk) throw new Error('tokenizer.json: model names no token for what is unknown, nor is there <unk> or [UNK]');
  return { mask, unk };
}
