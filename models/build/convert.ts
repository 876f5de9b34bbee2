/** npm run models -- convert: what a model will need at the edge, and if that is there, its build. Reads and writes files. */
import type { Encoding } from '../../src/inference/backend.ts';
import { CALIBRATION_TEXT, MAX_UNKNOWN, MIN_TOKENS, readRunningText } from '../evaluation/running-text.ts';
import { calibrate, DEFAULT_BUDGET } from '../quantization/calibrate.ts';
import { type LayerPlan, uncalibratedPlan } from '../quantization/plan.ts';
import { type Build, type Checkpoint, makeArtifacts, readCheckpoint, writeBuild } from './build.ts';
import { readPlan, writePlan } from './plan-file.ts';
import { ISOLATE_BYTES, MAX_WASM_BYTES, type Needs, needsOf } from './memory-needs.ts';
import {
  type BuiltFor,
  findQuantizationErrors,
  type LayerBits,
  writeQuantizationErrors,
} from './quantization-error.ts';

export interface ConvertOptions {
  /** Of the weights in the layers; as it was converted before, or 8. */
  readonly bits?: LayerBits;
  /** As it was converted before, or the engine. */
  readonly backend?: BuiltFor;
  /** The most extra multiply-adds for outlier channels, as a share: chooses them anew. */
  readonly outliers?: number;
  /** A calibration text, a paragraph a line, in place of the one that ships: chooses outlier channels anew. */
  readonly text?: string;
  /** Converts what does not fit, too. */
  readonly force?: boolean;
  /** Is given each line that a person should read. */
  readonly say: (line: string) => void;
}

/**
 * @param model an id, or the path of a folder
 * @throws naming what is wrong with the checkpoint; or with the arithmetic, when it fits no isolate
 */
export async function convert(model: string, options: ConvertOptions): Promise<Build> {
  const { bits, backend, force = false, say } = options;
  const read = await readCheckpoint(model);
  // A plan is made for a number of bits.
  const unplanned = {
    ...read,
    ...(backend && { backend }),
    ...(bits !== undefined && bits !== read.bits && { bits, plan: uncalibratedPlan(read.weights) }),
  };
  const { id, folder, weights } = unplanned;
  const { family, num_hidden_layers, hidden_size, vocab_size } = weights.config;
  say(
    `${id}: ${family}, ${num_hidden_layers} layers of ${hidden_size}, ${vocab_size.toLocaleString('en')} pieces, ` +
      `${unplanned.bits} bits in the layers`,
  );
  say(`  ${unplanned.tokenizer.summary}`);
  for (const warning of [...unplanned.tokenizer.warnings, ...(weights.warnings ?? [])]) say(`  Warning: ${warning}`);
  const all = await needsOf(weights, unplanned.bits, unplanned.plan);
  const needs = unplanned.backend === 'both' ? all : { [unplanned.backend]: all[unplanned.backend] };
  const fitting = Object.entries(needs).filter(([, { heapBytes }]) => heapBytes <= MAX_WASM_BYTES);
  for (const [name, need] of Object.entries(needs)) say(`  ${name}: ${arithmetic(need)}`);
  if (fitting.length === 0 && !force) {
    throw new Error(
      `${id} does not fit: of the ${mega(ISOLATE_BYTES)} of an isolate, WASM may take ${mega(MAX_WASM_BYTES)}. ` +
        `${unplanned.bits === 8 ? '--bits 4 halves the layers; ' : ''}--force converts it all the same.`,
    );
  }
  if (fitting.length === 1 && unplanned.backend === 'both')
    say(`  only ${fitting[0]?.[0]} can serve it: the other needs more than ${mega(MAX_WASM_BYTES)}`);

  const checkpoint = { ...unplanned, plan: await planOf(unplanned, options) };
  const artifacts = await makeArtifacts(checkpoint);
  const errors = await findQuantizationErrors(folder, artifacts.revision);
  const build = await writeBuild(checkpoint, artifacts, errors);
  // From now on that is how it is built. What was measured of another build is no longer of use.
  if (checkpoint.bits !== read.bits || checkpoint.backend !== read.backend) {
    await writeQuantizationErrors(folder, checkpoint, errors && { revision: build.revision, errors });
  }
  return build;
}

/** The plan beside the checkpoint, or a new one where there is none for these weights and bits, or another is asked for. */
async function planOf(
  { folder, weights, tokenizer, bits, plan: unplanned }: Checkpoint,
  { outliers, text, say }: ConvertOptions,
): Promise<readonly LayerPlan[]> {
  const known = outliers === undefined && !text && (await readPlan(folder, weights, bits));
  if (known) return known;
  const encodings = await calibrationText(tokenizer, weights.config.max_position_embeddings, text, say);
  if (!encodings) return unplanned;
  const { plan, choices, extra } = await calibrate(weights, bits, encodings, outliers ?? DEFAULT_BUDGET);
  say(
    `  outlier channels, ${(100 * extra).toFixed(1)} % more multiply-adds in the layers; divergence with more of them, in nats:`,
  );
  for (const { input, divergences, chosen, channels } of choices) {
    const share = `${((100 * chosen) / channels).toFixed(0)} %`.padStart(4);
    say(`  ${input.padEnd(16)} ${share}   ${divergences.map((value) => value.toFixed(5)).join('  ')}`);
  }
  await writePlan(folder, weights, bits, plan);
  return plan;
}

async function calibrationText(
  tokenizer: Checkpoint['tokenizer'],
  positions: number,
  given: string | undefined,
  say: ConvertOptions['say'],
): Promise<Encoding[] | undefined> {
  for (const file of given ? [given, CALIBRATION_TEXT] : [CALIBRATION_TEXT]) {
    const { encodings, tokens, unknown } = await readRunningText(file, tokenizer, positions, 1);
    const isGiven = file === given;
    const name = isGiven ? file : 'the calibration text';
    const instead = isGiven ? 'the text that ships is used instead' : 'there are no outlier channels';
    if (tokens < MIN_TOKENS) say(`  ${name} has only ${tokens} tokens, and ${MIN_TOKENS} are needed: ${instead}`);
    else if (unknown > MAX_UNKNOWN) {
      say(`  ${(100 * unknown).toFixed(0)} % of the tokens of ${name} are not in the vocabulary: ${instead}`);
    } else return encodings;
  }
  return undefined;
}

const mega = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;

function arithmetic({ fileBytes, heapBytes, scriptBytes, exact }: Needs): string {
  const fits = heapBytes <= MAX_WASM_BYTES ? 'fits' : 'does not fit';
  return (
    `${(fileBytes / 1e6).toFixed(1)} MB in R2, ${exact ? '' : 'about '}${mega(heapBytes)} of WASM memory at the longest ` +
    `text, a script of ${(scriptBytes / 1e6).toFixed(1)} MB: ${fits}`
  );
}
