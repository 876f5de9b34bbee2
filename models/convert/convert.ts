/** npm run models -- convert: computes what a model needs at the edge and builds it if it fits. Reads and writes files. */
import type { Encoding } from '../../src/inference/backend.ts';
import { CALIBRATION_TEXT, MAX_UNKNOWN, MIN_TOKENS, readRunningText } from '../evaluation/running-text.ts';
import { answerOnce } from './answer-once.ts';
import { calibrate, DEFAULT_BUDGET } from './calibrate.ts';
import { type LayerPlan, uncalibratedPlan } from '../quantization/plan.ts';
import { type Build, type Checkpoint, makeArtifacts, readCheckpoint, writeBuild } from '../build/build.ts';
import { chooseKept } from '../build/keep-vocabulary.ts';
import { readPlan, writePlan } from '../build/plan-file.ts';
import { DEFAULT_MAX_REQUEST_WORK, ISOLATE_BYTES } from '../../src/limits.ts';
import { costModelOf } from '../../src/model/cost.ts';
import { fittingOutliers, type Needs, needsOf } from '../build/memory-needs.ts';
import {
  type BuiltFor,
  findQuantizationErrors,
  type LayerBits,
  writeQuantizationErrors,
} from '../build/quantization-error.ts';

export interface ConvertOptions {
  /** Of the weights in the layers; by default as in the last conversion, or 8. */
  readonly bits?: LayerBits;
  /** As it was converted before, or the engine. */
  readonly backend?: BuiltFor;
  /** The limit of extra work in the layers for outlier channels, as a fraction. If given, they are chosen again. */
  readonly outliers?: number;
  /** A calibration text with one paragraph per line, instead of the included one. If given, outlier channels are chosen again. */
  readonly text?: string;
  /** A file of pieces, or a text: the vocabulary is trimmed to its pieces. As it was trimmed before, if not given. */
  readonly keepVocabulary?: string;
  /** Also converts a model that does not fit. */
  readonly force?: boolean;
  /** Gets each line for the user. */
  readonly say: (line: string) => void;
  /** Is told the share of a calibration that is done. */
  readonly progress?: (share: number) => void;
}

/**
 * @param model an id, or the path of a folder
 * @throws naming the fault of the checkpoint, or the calculation if it does not fit an isolate
 */
export async function convert(model: string, options: ConvertOptions): Promise<Build> {
  const { bits, backend, force = false, say } = options;
  if (options.keepVocabulary !== undefined) {
    const whole = await readCheckpoint(model, true);
    await chooseKept(whole.folder, whole, options.keepVocabulary, say);
  }
  const read = await readCheckpoint(model);
  // A plan belongs to a number of bits.
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
  const all = await needsOf(weights, unplanned.tokenizer.packed.length, unplanned.bits, unplanned.plan);
  const needs = unplanned.backend === 'both' ? all : { [unplanned.backend]: all[unplanned.backend] };
  const fitting = Object.entries(needs).filter(([, need]) => fits(need));
  const longest = costModelOf(weights.config).text(weights.config.max_position_embeddings, 1);
  if (longest > DEFAULT_MAX_REQUEST_WORK) {
    say(
      `  a text of ${weights.config.max_position_embeddings} tokens takes ${giga(longest)} billion multiply-adds, and a request may ask for ` +
        `${giga(DEFAULT_MAX_REQUEST_WORK)}: to serve it, set MAX_REQUEST_GMACS in wrangler.toml to ${Math.ceil(longest / 1e9)} or more`,
    );
  }
  for (const [name, need] of Object.entries(needs)) say(`  ${name}: ${arithmetic(need)}`);
  if (fitting.length === 0 && !force) {
    throw new Error(
      `${id} does not fit: of the ${mega(ISOLATE_BYTES)} of an isolate, WASM may take ${mega(all.engine.maxHeapBytes)} beside the script, the tokenizer, the caches and an answer. ` +
        `${unplanned.bits === 8 ? '--bits 4 halves the layers; ' : ''}--keep-vocabulary <text> keeps only the pieces of a text ` +
        `(all take ${mega(vocab_size * weights.config.embedding_size)}); --force converts it anyway.`,
    );
  }
  if (fitting.length === 1 && unplanned.backend === 'both')
    say(`  only ${fitting[0]?.[0]} can serve it: the other needs more than ${mega(all.engine.maxHeapBytes)}`);

  const checkpoint = { ...unplanned, plan: await planOf(unplanned, options) };
  const artifacts = await makeArtifacts(checkpoint);
  await answerOnce(checkpoint, artifacts);
  const errors = await findQuantizationErrors(folder, artifacts.revision);
  const build = await writeBuild(checkpoint, artifacts, errors);
  // Recorded for later builds. The measurement of another build no longer applies.
  if (checkpoint.bits !== read.bits || checkpoint.backend !== read.backend) {
    await writeQuantizationErrors(folder, checkpoint, errors && { revision: build.revision, errors });
  }
  return build;
}

/** The plan beside the checkpoint, or a new one if there is none for these weights and bits, or if another is requested. */
async function planOf(
  { folder, weights, tokenizer, bits, plan: unplanned }: Checkpoint,
  { outliers, text, say, progress }: ConvertOptions,
): Promise<readonly LayerPlan[]> {
  const known = outliers === undefined && !text && (await readPlan(folder, weights, bits));
  if (known) return known;
  const encodings = await calibrationText(tokenizer, weights.config.max_position_embeddings, text, say);
  if (!encodings) return unplanned;
  const fitting = bits === 4 ? await fittingOutliers(weights, tokenizer.packed.length) : Infinity;
  const budget = Math.min(outliers ?? DEFAULT_BUDGET[bits], fitting);
  if (budget === fitting) {
    say(
      `  outlier channels may take ${(100 * budget).toFixed(1)} % more work in the layers, so that the engine's memory suffices`,
    );
  }
  const { plan, choices, extra } = await calibrate(weights, bits, encodings, budget, progress);
  const [without, loss] = [choices.map((choice) => choice.without), choices.map((choice) => choice.loss)].map(
    (values) => values.reduce((a, b) => a + b, 0),
  );
  say(
    `  outlier channels take ${(100 * extra).toFixed(1)} % more work in the layers, of at most ${(100 * budget).toFixed(1)} %; ` +
      `the rounding of all inputs${bits === 4 ? ' and weights, to the nearest, is estimated to cost ' : ' costs '}` +
      `${without?.toFixed(5)} nats without them, ${loss?.toFixed(5)} with them; of each input:`,
  );
  for (const { stored, input, chosen, channels, ...of } of choices) {
    const name = `layer.${stored}.${input}`.padEnd(24);
    say(`  ${name} ${`${chosen}`.padStart(4)} of ${channels}   ${of.without.toFixed(6)}  ${of.loss.toFixed(6)}`);
  }
  await writePlan(folder, weights, bits, plan);
  if (bits === 4) {
    const { engine } = await needsOf(weights, tokenizer.packed.length, bits, plan);
    say(`  engine, with outlier channels in 8 bits: ${arithmetic(engine)}`);
  }
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

const giga = (work: number) => (work / 1e9).toFixed(0);
const mega = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;

const fits = ({ heapBytes, maxHeapBytes }: Needs): boolean => heapBytes <= maxHeapBytes;

function arithmetic(needs: Needs): string {
  const { fileBytes, heapBytes, maxHeapBytes, scriptBytes, exact } = needs;
  return (
    `${(fileBytes / 1e6).toFixed(1)} MB in R2, ${exact ? '' : 'about '}${mega(heapBytes)} of WASM memory at the longest ` +
    `text (${mega(maxHeapBytes)} are left for it), ${(scriptBytes / 1e6).toFixed(1)} MB of JavaScript: ${fits(needs) ? 'fits' : 'does not fit'}`
  );
}
