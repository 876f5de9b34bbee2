/** npm run models -- convert: what a model will need at the edge, and if that is there, its build. Reads and writes files. */
import { type Build, makeArtifacts, readCheckpoint, writeBuild } from './build.ts';
import { ISOLATE_BYTES, MAX_WASM_BYTES, type Needs, needsOf } from './memory-needs.ts';
import {
  findQuantizationErrors,
  type LayerBits,
  readLayerBits,
  writeQuantizationErrors,
} from './quantization-error.ts';

export interface ConvertOptions {
  /** Of the weights in the layers; as it was converted before, or 8. */
  readonly bits?: LayerBits;
  /** Converts what does not fit, too. */
  readonly force?: boolean;
  /** Is given each line that a person should read. */
  readonly say: (line: string) => void;
}

/**
 * @param model an id, or the path of a folder
 * @throws naming what is wrong with the checkpoint; or with the arithmetic, when it fits no isolate
 */
export async function convert(model: string, { bits, force = false, say }: ConvertOptions): Promise<Build> {
  const read = await readCheckpoint(model);
  const checkpoint = { ...read, bits: bits ?? read.bits };
  const { id, folder, weights } = checkpoint;
  const { family, num_hidden_layers, hidden_size, vocab_size } = weights.config;
  say(
    `${id}: ${family}, ${num_hidden_layers} layers of ${hidden_size}, ${vocab_size.toLocaleString('en')} pieces, ` +
      `${checkpoint.bits} bits in the layers`,
  );
  say(`  ${checkpoint.tokenizer.summary}`);
  for (const warning of [...checkpoint.tokenizer.warnings, ...(weights.warnings ?? [])]) say(`  Warning: ${warning}`);
  const needs = await needsOf(weights, checkpoint.bits);
  const fitting = Object.entries(needs).filter(([, { heapBytes }]) => heapBytes <= MAX_WASM_BYTES);
  for (const [name, need] of Object.entries(needs)) say(`  ${name}: ${arithmetic(need)}`);
  if (fitting.length === 0 && !force) {
    throw new Error(
      `${id} does not fit: of the ${mega(ISOLATE_BYTES)} of an isolate, WASM may take ${mega(MAX_WASM_BYTES)}. ` +
        `${checkpoint.bits === 8 ? '--bits 4 halves the layers; ' : ''}--force converts it all the same.`,
    );
  }
  if (fitting.length === 1)
    say(`  only ${fitting[0]?.[0]} can serve it: the other needs more than ${mega(MAX_WASM_BYTES)}`);

  const artifacts = await makeArtifacts(checkpoint);
  const errors = await findQuantizationErrors(folder, artifacts.revision);
  const build = await writeBuild(checkpoint, artifacts, errors);
  // From now on that is how it is built. What was measured of another build is no longer of use.
  if (checkpoint.bits !== (await readLayerBits(folder))) {
    await writeQuantizationErrors(folder, checkpoint.bits, errors && { revision: build.revision, errors });
  }
  return build;
}

const mega = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;

function arithmetic({ fileBytes, heapBytes, scriptBytes, exact }: Needs): string {
  const fits = heapBytes <= MAX_WASM_BYTES ? 'fits' : 'does not fit';
  return (
    `${(fileBytes / 1e6).toFixed(1)} MB in R2, ${exact ? '' : 'about '}${mega(heapBytes)} of WASM memory at the longest ` +
    `text, a script of ${(scriptBytes / 1e6).toFixed(1)} MB: ${fits}`
  );
}
