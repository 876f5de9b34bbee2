/** Decides between a `tokenizer.json` and the settings of its class, stage by stage. No I/O. */
import { isDeepStrictEqual } from 'node:util';

import {
  DECODER,
  NORMALIZER,
  type NormalizerJson,
  PRE_TOKENIZER,
  readStage,
} from '../../src/tokenizer/tokenizer-json.ts';
import { type Stage, STAGES, type Stages, type StagesJson, type TokenizerClass } from './classes.ts';
import { describePostProcessor } from './post-processor.ts';
import { CONFIG_FILE, FAST_FILE, FLAGS, type Flags, type Names } from './sources.ts';

export interface Reconciled {
  readonly stages: Stages;
  readonly flags: Flags;
  readonly warnings: readonly string[];
}

/**
 * A setting in tokenizer_config.json overrides tokenizer.json. Without one, tokenizer.json counts, even where `transformers` 5
 * would use the default of the class; a warning says so.
 * @param given the settings in tokenizer_config.json
 * @throws if a setting cannot be applied because tokenizer.json has another stage than the class
 */
export function reconcile(
  found: TokenizerClass,
  file: StagesJson,
  given: Flags,
  names: Names,
  ids: ReadonlyMap<string, number>,
): Reconciled {
  const inFile = found.flagsOf(file);
  const { normalizer } = file;
  const precompiled = [normalizer, ...(normalizer?.normalizers ?? [])].find((step) => step?.type === 'Precompiled');
  const charsmap = precompiled?.['precompiled_charsmap'] as string | undefined;
  const set = Object.fromEntries(
    FLAGS.flatMap((flag) => (flag in found.flags && flag in given ? [[flag, given[flag]]] : [])),
  ) as Flags;
  const flags: Flags = { ...found.flags, ...inFile, ...set };
  const asInFile = found.stages({ ...found.flags, ...inFile }, names, ids, charsmap);
  const asSet = found.stages(flags, names, ids, charsmap);
  const warnings = FLAGS.filter((flag) => flag in inFile && !(flag in set) && inFile[flag] !== found.flags[flag]).map(
    (flag) =>
      `${FAST_FILE} has ${flag} ${String(inFile[flag])}, and ${CONFIG_FILE} does not set it: the value is used, but ` +
      `transformers 5 uses ${String(found.flags[flag])}, the default of ${found.name}. Set ${flag} in ${CONFIG_FILE}`,
  );

  const stages: Record<Stage, unknown> = { ...asSet };
  for (const stage of STAGES) {
    if (isDeepStrictEqual(canonical(stage, file[stage]), canonical(stage, asInFile[stage]))) {
      // The same in another form, unless a setting changes it.
      if (isDeepStrictEqual(canonical(stage, asSet[stage]), canonical(stage, asInFile[stage]))) {
        stages[stage] = file[stage] ?? null;
      }
      continue;
    }
    const setting = FLAGS.find((flag) => flag in set && found.concerns[flag]?.includes(stage));
    if (setting && set[setting] !== inFile[setting]) {
      throw new Error(
        `${CONFIG_FILE} and ${FAST_FILE} contradict each other: ${setting} is ${String(set[setting])} for ${found.name}, and ` +
          `${stage} is not that of the class. Set tokenizer_class to PreTrainedTokenizerFast to follow ${FAST_FILE}`,
      );
    }
    stages[stage] = file[stage] ?? null;
    warnings.push(
      `${FAST_FILE} has another ${stage} than ${found.name}: it is used, but transformers 5 uses that of the class. ` +
        `Set tokenizer_class to PreTrainedTokenizerFast in ${CONFIG_FILE} to have it used everywhere`,
    );
  }
  return { stages, flags, warnings };
}

/** A stage in a canonical form, for comparison. */
function canonical(stage: Stage, json: unknown): unknown {
  switch (stage) {
    case 'normalizer':
      return readStage(stage, 'normalizers', NORMALIZER, json).map(withAccents);
    case 'pre_tokenizer':
      return readStage(stage, 'pretokenizers', PRE_TOKENIZER, json).map(withScheme);
    case 'decoder':
      return readStage(stage, 'decoders', DECODER, json).map(withScheme);
    case 'post_processor':
      return { ...describePostProcessor(json), trims: trimsOf(json) };
  }
}

/** A file without strip_accents means null. */
function withAccents(step: NormalizerJson): unknown {
  return step.type === 'BertNormalizer' ? { ...step, strip_accents: step.strip_accents ?? null } : step;
}

/** Older files have `add_prefix_space` instead of the scheme. */
function withScheme(step: { readonly type: string }): unknown {
  if (step.type !== 'Metaspace') return step;
  const { replacement, prepend_scheme, split, add_prefix_space } = step as Readonly<Record<string, unknown>>;
  return { type: 'Metaspace', replacement, split, scheme: add_prefix_space === false ? 'never' : prepend_scheme };
}

/** Whether and how it excludes spaces from the offsets. */
function trimsOf(json: unknown): unknown {
  const { trim_offsets = false, add_prefix_space, processors = [] } = (json ?? {}) as Record<string, unknown>;
  return [...(trim_offsets ? [add_prefix_space] : []), ...(processors as unknown[]).map(trimsOf)].flat();
}
