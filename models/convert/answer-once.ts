/** Has a model answer a sentence, a list of targets and a pair, before it counts as converted. Compiles the runtimes. */
import type { Backend, Encoding, WeightsFile } from '../../src/inference/backend.ts';
import { predictMasks } from '../../src/predict/independent.ts';
import { runModel } from '../../src/predict/runs.ts';
import { encodeTargets, planTargetQueries, runQueries } from '../../src/predict/targets.ts';
import { noWork } from '../../src/predict/work.ts';
import { createTokenizer } from '../../src/tokenizer/create-tokenizer.ts';
import { findMasks, type MaskedText } from '../../src/tokenizer/masks.ts';
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import type { Artifacts, Checkpoint } from '../build/build.ts';
import { engineBackend, onnxBackend } from '../evaluation/backends.ts';

const BACKENDS: Readonly<Record<WeightsFile, readonly [name: string, create: (file: Uint8Array) => Promise<Backend>]>> =
  {
    'model.efm': ['the engine', engineBackend],
    'model.onnx': ['onnxruntime-web', onnxBackend],
  };
/** How many pieces of the vocabulary are tried as targets. */
const TRIED = 2_000;

/** @throws naming the backend and what it does not answer, if that is anything */
export async function answerOnce(
  { id, weights, tokenizer }: Pick<Checkpoint, 'id' | 'weights' | 'tokenizer'>,
  { files }: Pick<Artifacts, 'files'>,
): Promise<void> {
  const { packed, special_tokens } = tokenizer;
  const { vocab_size, max_position_embeddings: limit } = weights.config;
  const { id: mask_id, token: mask } = special_tokens.mask;
  const encoder = createTokenizer(packed, special_tokens);
  const fits = ({ input_ids }: Encoding) => input_ids.length <= limit;

  // The least that a request can ask, and a mask at each place of a sentence.
  const alone = encodeAll(mask, mask, encoder);
  if (!fits(alone.encoding)) {
    throw new Error(`${id}: max_position_embeddings leaves ${limit} positions, and a mask alone needs 3`);
  }
  const sentence = encodeAll(`${mask} a ${mask} b ${mask}`, mask, encoder);
  const asked = fits(sentence.encoding) ? sentence : alone;
  const targets = findTargets(alone.masked, encoder, vocab_size);
  const words = encodeTargets([alone.masked], targets, encoder);
  const spared = limit - alone.encoding.input_ids.length;
  const fitting = (words.ok ? (words.value[0] ?? []) : []).map((ofMask) =>
    ofMask.filter(({ ids }) => ids.length <= spared + 1),
  );
  const [first = '', second = ''] = targets;
  const pair = weights.sentence && encoder.encodePair(first, second);

  for (const [name, file] of Object.entries(files)) {
    if (!(name in BACKENDS)) continue;
    const [backendName, create] = BACKENDS[name as WeightsFile];
    let what = 'at all';
    try {
      const backend = await create(file);
      try {
        what = JSON.stringify(asked.masked.text);
        await predictMasks([asked.encoding], 1, backend, noWork());
        what = `the targets ${targets.join(', ')}`;
        await runQueries([...planTargetQueries(alone.encoding, fitting, mask_id).queries], backend, noWork());
        what = `the pair ${JSON.stringify([first, second])}`;
        await runModel(pair && fits(pair) ? [pair] : [], backend, noWork(), ({ sentence: labels }) => {
          if (labels.length !== 2 || !labels.every(Number.isFinite)) {
            throw new Error('the logits of the sentence head are not finite numbers');
          }
        });
      } finally {
        await backend.dispose?.();
      }
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${id}: ${backendName} does not answer ${what}: ${problem}`, { cause });
    }
  }
}

/** @throws if the tokenizer finds other masks than are in the text */
function encodeAll(text: string, mask: string, encoder: Tokenizer): { masked: MaskedText; encoding: Encoding } {
  const masked = findMasks(text, mask);
  const encoding = encoder.encode(masked);
  const [found, of] = [encoding.masked_positions.length, masked.masks.length];
  if (found === of) return { masked, encoding };
  throw new Error(`the tokenizer finds ${found} of the ${of} masks ${mask} in ${JSON.stringify(text)}`);
}

/** Two pieces of the vocabulary that are words, and both as one word, as far as the vocabulary has them. */
function findTargets(masked: MaskedText, encoder: Tokenizer, vocab_size: number): string[] {
  const isTarget = (word: string) => encodeTargets([masked], [word], encoder).ok;
  const words: string[] = [];
  // Special pieces, or single letters, are at the beginning of a vocabulary.
  const from = vocab_size >> 1;
  for (let id = from; id < Math.min(vocab_size, from + TRIED) && words.length < 2; id++) {
    const word = encoder.decode([id]).trim();
    if (word !== '' && !words.includes(word) && isTarget(word)) words.push(word);
  }
  const joined = words.join('');
  return isTarget(joined) && !words.includes(joined) ? [...words, joined] : words;
}
