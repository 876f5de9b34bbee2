/**
 * Trims a vocabulary to the pieces of a text: their rows of the embedding and of the decoder, with new ids. `kept-vocabulary.json`
 * beside a checkpoint lists them. Reads and writes files.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createTokenizer } from '../../src/tokenizer/create-tokenizer.ts';
import type { EncoderWeights } from '../checkpoint/encoder.ts';
import { replaceFile } from '../hub/replace-file.ts';
import type { FoundTokenizer } from '../tokenizer/files.ts';
import { packTokenizer } from '../tokenizer/pack.ts';

const FILE = 'kept-vocabulary.json';
/** Every such line is left out to measure what other texts lose. */
const HELD_OUT = 10;

interface Parts {
  readonly weights: EncoderWeights;
  readonly tokenizer: FoundTokenizer;
}

interface TokenizerFile {
  readonly model: {
    readonly vocab: Readonly<Record<string, number>> | readonly (readonly [piece: string, score: number])[];
    readonly merges?: unknown;
    readonly unk_id?: number | null;
  };
  readonly added_tokens?: readonly { readonly id: number; readonly content: string }[];
  readonly post_processor?: Processor | null;
}
interface Processor {
  readonly processors?: readonly Processor[];
  readonly special_tokens?: Readonly<Record<string, { readonly ids: readonly number[] }>>;
  readonly cls?: readonly [string, number];
  readonly sep?: readonly [string, number];
}

const hashOf = ({ json }: FoundTokenizer) => createHash('sha256').update(json).digest('hex');
const parse = ({ json }: FoundTokenizer) => JSON.parse(json) as TokenizerFile;
const piecesOf = ({ model: { vocab } }: TokenizerFile): (readonly [piece: string, id: number])[] =>
  Array.isArray(vocab) ? vocab.map(([piece]: readonly [string, number], id) => [piece, id]) : Object.entries(vocab);

/**
 * @returns the ids that are kept, or undefined if the whole vocabulary is
 * @throws if they were chosen for another tokenizer
 */
export async function readKept(folder: string, tokenizer: FoundTokenizer): Promise<readonly number[] | undefined> {
  const text = await readFile(join(folder, FILE), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const { tokenizer: hash, ids } = JSON.parse(text) as { tokenizer: string; ids: readonly number[] };
  if (hash === hashOf(tokenizer)) return ids;
  throw new Error(`${FILE} belongs to another tokenizer: delete it, or convert with --keep-vocabulary again`);
}

/**
 * Chooses the pieces to keep, and writes them beside the checkpoint.
 * @param file with a piece of the vocabulary on each line, or else a text
 * @throws if the vocabulary cannot be trimmed
 */
export async function chooseKept(
  folder: string,
  whole: Parts,
  file: string,
  say: (line: string) => void,
): Promise<void> {
  const { tokenizer } = whole;
  const json = parse(tokenizer);
  if (json.model.merges) {
    throw new Error('--keep-vocabulary: a BPE cannot be trimmed, since its merges build pieces from other pieces');
  }
  const lines = (await readFile(file, 'utf8')).split(/\r?\n/).filter((line) => line.trim() !== '');
  const added = (json.added_tokens ?? []).map(({ content, id }) => [content, id] as const);
  const pieces = new Map([...piecesOf(json), ...added]);
  const listed = lines.map((line) => pieces.get(line) ?? -1);
  let ids: number[];
  if (listed.every((id) => id >= 0)) {
    ids = withNeeded(whole, listed);
    say('  what other texts lose is not measured, since the file lists pieces');
  } else {
    const encoder = createTokenizer(tokenizer.packed, tokenizer.special_tokens);
    const encoded = lines.map((text) => Array.from(encoder.encode({ text, masks: [] }).input_ids));
    ids = withNeeded(whole, encoded.flat());
    sayLoss(whole, lines, encoded, say);
  }
  await replaceFile(join(folder, FILE), JSON.stringify({ tokenizer: hashOf(tokenizer), ids }));
}

/** Of each tenth line, with the pieces of the other lines. */
function sayLoss(
  whole: Parts,
  lines: readonly string[],
  encoded: readonly number[][],
  say: (line: string) => void,
): void {
  const isHeldOut = (line: number) => line % HELD_OUT === HELD_OUT - 1;
  const learned = withNeeded(
    whole,
    encoded.flatMap((ids, line) => (isHeldOut(line) ? [] : ids)),
  );
  const kept = new Set(learned);
  const { packed, special_tokens } = keepVocabulary(whole, learned).tokenizer;
  const trimmed = createTokenizer(packed, special_tokens);
  let [tokens, lost, unknown] = [0, 0, 0];
  for (const [line, ids] of encoded.entries()) {
    if (!isHeldOut(line)) continue;
    const again = trimmed.encode({ text: lines[line] ?? '', masks: [] }).input_ids;
    tokens += ids.length - 2;
    lost += ids.filter((id) => !kept.has(id)).length;
    unknown += again.filter((id) => id === special_tokens.unk.id).length;
  }
  const share = (count: number) => `${((100 * count) / tokens).toFixed(2)} %`;
  say(
    tokens > 0
      ? `  of every tenth line, with the pieces of the others: ${share(lost)} of ${tokens} pieces are lost, and ${share(unknown)} are unknown`
      : `  what other texts lose is not measured: the file has fewer than ${HELD_OUT} lines`,
  );
}

/** The ids, ascending, with those of special and added tokens, bytes, and single characters of ASCII. */
function withNeeded({ weights, tokenizer }: Parts, ids: readonly number[]): number[] {
  const json = parse(tokenizer);
  const { mask, unk } = tokenizer.special_tokens;
  const kept = new Set([...ids, mask.id, unk.id, ...(json.added_tokens ?? []).map(({ id }) => id)]);
  if (weights.config.position_offset > 0) kept.add(weights.config.position_offset - 1);
  for (const [piece, id] of piecesOf(json)) {
    if (/^(?:(?:##|\u2581)?[!-~]|\u2581|<0x[0-9A-F]{2}>)$/.test(piece)) kept.add(id);
  }
  return [...kept].toSorted((a, b) => a - b);
}

/** @param kept ids, ascending, with those of all special tokens */
export function keepVocabulary({ weights, tokenizer }: Parts, kept: readonly number[]): Parts {
  const ids = new Map(kept.map((id, index) => [id, index]));
  const renumber = (id: number): number => {
    const found = ids.get(id);
    if (found === undefined) throw new Error(`${FILE} lacks the id ${id}, which the tokenizer needs`);
    return found;
  };
  const { config, embeddings, mlm } = weights;
  const { embedding_size: E, position_offset } = config;
  const rows = (matrix: Float32Array, width: number) => {
    const taken = new Float32Array(kept.length * width);
    for (const [i, id] of kept.entries()) taken.set(matrix.subarray(id * width, (id + 1) * width), i * width);
    return taken;
  };
  const json = parse(tokenizer);
  const { mask, unk } = tokenizer.special_tokens;
  const { vocab, unk_id } = json.model;
  const file = {
    ...json,
    added_tokens: json.added_tokens?.map((token) => ({ ...token, id: renumber(token.id) })),
    model: {
      ...json.model,
      vocab: Array.isArray(vocab)
        ? kept.flatMap((id) => (vocab[id] ? [vocab[id] as unknown] : []))
        : Object.fromEntries(
            Object.entries(vocab).flatMap(([piece, id]) => (ids.has(id) ? [[piece, ids.get(id)]] : [])),
          ),
      ...(typeof unk_id === 'number' && { unk_id: renumber(unk_id) }),
    },
    post_processor: json.post_processor && renumberProcessor(json.post_processor, renumber),
  };
  return {
    weights: {
      ...weights,
      config: {
        ...config,
        vocab_size: kept.length,
        position_offset: position_offset > 0 ? renumber(position_offset - 1) + 1 : 0,
      },
      embeddings: { ...embeddings, words: rows(embeddings.words, E) },
      mlm: { ...mlm, decoder: mlm.decoder && rows(mlm.decoder, E), bias: rows(mlm.bias, 1) },
    },
    tokenizer: {
      ...tokenizer,
      json: JSON.stringify(file),
      packed: packTokenizer(file),
      special_tokens: { mask: { ...mask, id: renumber(mask.id) }, unk: { ...unk, id: renumber(unk.id) } },
    },
  };
}

function renumberProcessor(given: Processor, renumber: (id: number) => number): Processor {
  const { processors, special_tokens, cls, sep } = given;
  return {
    ...given,
    ...(processors && { processors: processors.map((one) => renumberProcessor(one, renumber)) }),
    ...(special_tokens && {
      special_tokens: Object.fromEntries(
        Object.entries(special_tokens).map(([token, of]) => [token, { ...of, ids: of.ids.map(renumber) }]),
      ),
    }),
    ...(cls && { cls: [cls[0], renumber(cls[1])] as const }),
    ...(sep && { sep: [sep[0], renumber(sep[1])] as const }),
  };
}
