import { copyFile, cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Checkpoint, makeArtifacts, makeManifest, readCheckpoint } from '../../../models/build/build.ts';
import { chooseKept } from '../../../models/build/keep-vocabulary.ts';
import { packEngineFile } from '../../../models/engine/pack.ts';
import { engineBackend, onnxBackend } from '../../../models/evaluation/backends.ts';
import { buildGraph } from '../../../models/onnx/encoder.ts';
import { createTokenizer } from '../../../src/tokenizer/create-tokenizer.ts';
import { findMasks } from '../../../src/tokenizer/masks.ts';

const FAMILIES = join(import.meta.dirname, '../../fixtures/families');
const LINES = [
  'The harbour was rebuilt after the storm.',
  'Every morning two boats left before sunrise.',
  ...Array.from({ length: 18 }, (_, i) => `The model number ${i} reads a text.`),
];
const TEXTS = ['The harbour was <mask> after the storm.', 'Every [MASK] two boats left before <mask>.'];

let parent: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'edge-fill-mask-'));
  await writeFile(join(parent, 'text.txt'), LINES.join('\n'));
});
afterAll(() => rm(parent, { recursive: true }));

/** A copy of a fixture with a trimmed vocabulary. */
async function trim(family: string, file: string): Promise<{ whole: Checkpoint; trimmed: Checkpoint; said: string }> {
  const folder = join(parent, family);
  await cp(join(FAMILIES, family), folder, { recursive: true });
  const whole = await readCheckpoint(folder, true);
  const said: string[] = [];
  await chooseKept(folder, whole, file, (line) => said.push(line));
  return { whole, trimmed: await readCheckpoint(folder), said: said.join('\n') };
}

const tokenizerOf = ({ tokenizer }: Checkpoint) => createTokenizer(tokenizer.packed, tokenizer.special_tokens);

describe('a vocabulary that is trimmed to the pieces of a text', () => {
  it.each(['bert', 'bert-untied', 'albert', 'camembert', 'xlm-roberta'])(
    'gives the same pieces and logits for such texts: %s',
    async (family) => {
      const { whole, trimmed, said } = await trim(family, join(parent, 'text.txt'));
      const [V, fewer] = [whole.weights.config.vocab_size, trimmed.weights.config.vocab_size];
      expect(fewer).toBeLessThan(V / 2);
      expect(said).toMatch(/of every tenth line, .* \d+\.\d\d % of \d+ pieces are lost, and \d+\.\d\d % are unknown/);

      const [before, after] = [tokenizerOf(whole), tokenizerOf(trimmed)];
      const large = await onnxBackend(buildGraph(whole.weights, 'float32'));
      const small = await onnxBackend(buildGraph(trimmed.weights, 'float32'));
      // Padding tokens are still told from others.
      const padded = whole.weights.config.position_offset > 0 ? ['The <pad> harbour was <mask>.'] : [];
      for (const text of [...TEXTS, ...padded]) {
        const [one, other] = [before, after].map((tokenizer) => tokenizer.encode(findMasks(text)));
        if (!one || !other) throw new Error('both were asked for');
        const pieces = Array.from(other.input_ids, (id) => after.piece(id));
        expect(pieces).toEqual(Array.from(one.input_ids, (id) => before.piece(id)));
        expect(other.offsets).toEqual(one.offsets);
        const [wide] = await large.run([one]);
        const [narrow] = await small.run([other]);
        const byPiece = new Map(Array.from({ length: V }, (_, id) => [before.piece(id), wide?.mlm[id] ?? NaN]));
        for (let id = 0; id < fewer; id++) {
          expect(narrow?.mlm[id]).toBeCloseTo(byPiece.get(after.piece(id)) ?? NaN, 4);
        }
      }
      const served = await engineBackend(packEngineFile(trimmed.weights));
      const [answer] = await served.run([after.encode(findMasks(TEXTS[0] ?? ''))]);
      expect(answer?.mlm).toHaveLength(fewer);
      const manifest = await makeManifest(trimmed, await makeArtifacts(trimmed), undefined, {
        license: 'mit',
        source: 'somewhere',
      });
      expect(manifest.source).toBe(`somewhere, with ${fewer} of ${V} pieces`);
    },
  );

  it.each(['bert', 'camembert'])('may be of a text with masks in either spelling: %s', async (family) => {
    const file = join(parent, `masks-${family}.txt`);
    await writeFile(file, [...LINES, 'The [MASK] was rebuilt.', 'Every <mask>.', '[MASK]', '<mask>'].join('\n'));
    const { whole, trimmed } = await trim(family, file);
    expect(trimmed.weights.config.vocab_size).toBeLessThan(whole.weights.config.vocab_size / 2);
    const text = findMasks('The [MASK] was rebuilt.');
    const [before, after] = [tokenizerOf(whole), tokenizerOf(trimmed)];
    const pieces = Array.from(after.encode(text).input_ids, (id) => after.piece(id));
    expect(pieces).toEqual(Array.from(before.encode(text).input_ids, (id) => before.piece(id)));
  });

  it('keeps the pieces that a file lists, and all special tokens', async () => {
    await writeFile(join(parent, 'pieces.txt'), 'the\n[MASK]\nof\n');
    const { whole, trimmed, said } = await trim('distilbert', join(parent, 'pieces.txt'));
    const tokenizer = tokenizerOf(trimmed);
    const pieces = Array.from({ length: trimmed.weights.config.vocab_size }, (_, id) => tokenizer.piece(id));
    expect(pieces).toEqual(
      expect.arrayContaining(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'the', 'of', 'a', '##a']),
    );
    expect(pieces.length).toBeLessThan(whole.weights.config.vocab_size / 2);
    expect(said).toMatch(/not measured, since the file lists pieces/);
  });

  it('is refused for a BPE, and for another tokenizer than it was chosen for', async () => {
    await expect(trim('roberta', join(parent, 'text.txt'))).rejects.toThrow(/a BPE cannot be trimmed/);
    const { trimmed } = await trim('electra', join(parent, 'text.txt'));
    await copyFile(join(FAMILIES, 'bert-untied/tokenizer.json'), join(trimmed.folder, 'tokenizer.json'));
    await expect(readCheckpoint(trimmed.folder)).rejects.toThrow(/kept-vocabulary\.json belongs to another tokenizer/);
  });
});
