/** Reads `config.json` of the supported families as one kind of configuration. No I/O. */
import { type Activation, MAX_HEAD_SIZE } from '../../src/inference/efm-format.ts';
import type { EncoderConfig, Family } from './encoder.ts';
import { parseJson } from './json.ts';

/** The names of the sizes in each family, where they differ from BERT's. */
const NAMES: Record<Family, Partial<Record<Count | 'hidden_act', string>>> = {
  albert: {},
  bert: { embedding_size: 'hidden_size' },
  roberta: { embedding_size: 'hidden_size' },
  camembert: { embedding_size: 'hidden_size' },
  'xlm-roberta': { embedding_size: 'hidden_size' },
  electra: {},
  distilbert: {
    embedding_size: 'dim',
    hidden_size: 'dim',
    num_hidden_layers: 'n_layers',
    num_attention_heads: 'n_heads',
    intermediate_size: 'hidden_dim',
    hidden_act: 'activation',
  },
};

const COUNTS = [
  'vocab_size',
  'embedding_size',
  'hidden_size',
  'num_hidden_layers',
  'num_attention_heads',
  'intermediate_size',
  'max_position_embeddings',
  'type_vocab_size',
] as const;
type Count = (typeof COUNTS)[number];

/** The defaults of the configuration classes of `transformers`, for fields that do not follow from the tensors. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  hidden_act: 'gelu',
  activation: 'gelu',
  layer_norm_eps: 1e-12,
  max_position_embeddings: 512,
  type_vocab_size: 2,
};
const DEFAULTS_OF: Partial<Record<Family, Readonly<Record<string, unknown>>>> = {
  albert: { hidden_act: 'gelu_new' },
  roberta: { pad_token_id: 1 },
  camembert: { pad_token_id: 1 },
  'xlm-roberta': { pad_token_id: 1 },
};
/** These count positions from the padding token's id plus one, and their head always has GELU by erf, like ELECTRA's. */
const ROBERTAS: ReadonlySet<Family> = new Set(['roberta', 'camembert', 'xlm-roberta']);

const ACTIVATIONS: Record<string, Activation> = {
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'gelu_new',
  gelu_pytorch_tanh: 'gelu_new',
  relu: 'relu',
  silu: 'silu',
  swish: 'silu',
};

/** The supported classes of `transformers`. */
export const ARCHITECTURES: Record<string, Family> = {
  AlbertForMaskedLM: 'albert',
  AlbertForPreTraining: 'albert',
  BertForMaskedLM: 'bert',
  BertForPreTraining: 'bert',
  RobertaForMaskedLM: 'roberta',
  CamembertForMaskedLM: 'camembert',
  XLMRobertaForMaskedLM: 'xlm-roberta',
  DistilBertForMaskedLM: 'distilbert',
  ElectraForMaskedLM: 'electra',
};

/** Known masked models that cannot be served, with the reason. */
const OTHERS: Readonly<Record<string, string>> = {
  deberta: 'its attention compares contents with relative positions',
  'deberta-v2': 'its attention compares contents with relative positions',
  mobilebert: 'its layers have bottlenecks',
  modernbert: 'it has rotary positions and gated layers',
  mpnet: 'it has relative positions',
  xlnet: 'it reads texts in permuted orders',
};

/** A constant in DistilBERT's code. */
const DISTILBERT_EPSILON = 1e-12;

/**
 * @param json the text of `config.json`
 * @param hasHead whether the checkpoint has the tensors of a family's masked-LM head, for the remedy
 * @throws naming the field, if it belongs to no supported family or is wrong
 */
export function readConfig(json: string, hasHead: (family: Family) => boolean = () => false): EncoderConfig {
  let given: Record<string, unknown>;
  try {
    given = parseJson(json) as Record<string, unknown>;
  } catch {
    throw new Error('config.json is not JSON');
  }
  refuseCode(given);
  const family = familyOf(given, hasHead);
  const config: Record<string, unknown> = { ...DEFAULTS, ...DEFAULTS_OF[family], ...given };
  const isRoberta = ROBERTAS.has(family);
  const name = (field: Count | 'hidden_act') => NAMES[family][field] ?? field;
  const act = config[name('hidden_act')];
  const hidden_act = typeof act === 'string' && Object.hasOwn(ACTIVATIONS, act) ? ACTIVATIONS[act] : undefined;
  if (!hidden_act) {
    throw new Error(
      `config.json: ${name('hidden_act')} is ${String(act)}; supported are ${Object.keys(ACTIVATIONS).join(', ')}`,
    );
  }
  refuseVariants(config);

  const count = (field: string, least = 1): number => {
    const value = config[field];
    if (!Number.isSafeInteger(value) || Number(value) < least) {
      throw new Error(`config.json: ${field} is ${String(value)}, not a count`);
    }
    return Number(value);
  };
  // Without segments there is one type, whose row is zero.
  const counts = Object.fromEntries(
    COUNTS.map((field) => [field, field === 'type_vocab_size' && family === 'distilbert' ? 1 : count(name(field))]),
  ) as Record<Count, number>;
  const layer_norm_eps = family === 'distilbert' ? DISTILBERT_EPSILON : config['layer_norm_eps'];
  if (typeof layer_norm_eps !== 'number') throw new Error('config.json: layer_norm_eps is not a number');
  if (counts.hidden_size % counts.num_attention_heads !== 0) {
    throw new Error(
      `config.json: ${name('hidden_size')}, ${counts.hidden_size}, is not a multiple of ${name('num_attention_heads')}, ${counts.num_attention_heads}`,
    );
  }
  const headSize = counts.hidden_size / counts.num_attention_heads;
  if (headSize > MAX_HEAD_SIZE) {
    throw new Error(
      `config.json: ${name('hidden_size')} is ${counts.hidden_size} and ${name('num_attention_heads')} is ${counts.num_attention_heads}: ` +
        `a head has ${headSize} channels, and the engine holds ${MAX_HEAD_SIZE}`,
    );
  }

  const position_offset = isRoberta ? count('pad_token_id', 0) + 1 : 0;
  if (counts.max_position_embeddings <= position_offset) {
    throw new Error(`config.json: max_position_embeddings leaves no position after ${position_offset}`);
  }
  const { groups, inner } = family === 'albert' ? readGroups(config, counts.num_hidden_layers, count) : UNGROUPED;
  return {
    ...counts,
    num_hidden_layers: counts.num_hidden_layers * inner,
    layers_stored: (groups ?? counts.num_hidden_layers) * inner,
    inner_group_num: inner,
    max_position_embeddings: counts.max_position_embeddings - position_offset,
    family,
    hidden_act,
    ...((isRoberta || family === 'electra') && hidden_act !== 'gelu' && { head_act: 'gelu' as const }),
    layer_norm_eps,
    position_offset,
    tie_word_embeddings: config['tie_word_embeddings'] !== false,
  };
}

function familyOf(
  { model_type, architectures }: Record<string, unknown>,
  hasHead: (family: Family) => boolean,
): Family {
  const named = Array.isArray(architectures) ? architectures.map(String) : [];
  const supported = `supported are ${Object.keys(ARCHITECTURES).join(', ')}`;
  const known = named.find((name) => name in ARCHITECTURES);
  const family = Object.values(ARCHITECTURES).find((one) => one === model_type);
  if (!family) {
    const why = OTHERS[String(model_type)];
    throw new Error(`config.json: model_type is ${String(model_type)}${why ? `: ${why}` : ''}; ${supported}`);
  }
  if (named.length > 0 && !known) {
    const [usual] = Object.entries(ARCHITECTURES).find(([, one]) => one === family) ?? [];
    const what = hasHead(family)
      ? `the file has the head of a masked language model: set architectures to ["${usual}"]`
      : `the file has no head of a masked language model; ${supported}`;
    throw new Error(`config.json: architectures is ${named.join(', ')}; ${what}`);
  }
  if (known && ARCHITECTURES[known] !== family) {
    throw new Error(`config.json: model_type is ${family}, and architectures says ${known}`);
  }
  return family;
}

/** The classes whose code computes what a masked model answers. */
const CODED = ['AutoModelForMaskedLM', 'AutoModelForPreTraining', 'AutoModel'] as const;

function refuseCode({ auto_map, architectures }: Record<string, unknown>): void {
  if (typeof auto_map !== 'object' || auto_map === null) return;
  const code = auto_map as Record<string, unknown>;
  const named = CODED.find((name) => code[name] != null);
  // A class of another name is that of the code.
  const other = [architectures].flat().find((name) => typeof name === 'string' && !(name in ARCHITECTURES));
  if (named === undefined && other === undefined) return;
  throw new Error(
    `config.json: auto_map names code in the repository, ${JSON.stringify(named === undefined ? code : code[named])}, which is not run: ` +
      'it may compute something else than the classes of transformers',
  );
}

function refuseVariants(config: Record<string, unknown>): void {
  const { position_embedding_type: positions = 'absolute' } = config;
  if (positions !== 'absolute') {
    throw new Error(`config.json: position_embedding_type is ${JSON.stringify(positions)}; only absolute is supported`);
  }
  for (const field of ['is_decoder', 'add_cross_attention']) {
    const { [field]: given = false } = config;
    if (given === true) throw new Error(`config.json: ${field} is true; only encoders are supported`);
    if (given !== false && given !== null) {
      throw new Error(`config.json: ${field} is ${JSON.stringify(given)}, which is no truth value`);
    }
  }
}

/** Every layer has its own weights. */
const UNGROUPED = { groups: undefined, inner: 1 };

/** ALBERT's sharing: this many groups, of this many layers each. */
function readGroups(config: Record<string, unknown>, layers: number, count: (field: string) => number) {
  const groups = config['num_hidden_groups'] === undefined ? 1 : count('num_hidden_groups');
  const inner = config['inner_group_num'] === undefined ? 1 : count('inner_group_num');
  if (groups > layers) throw new Error(`config.json: num_hidden_groups is ${groups}, more than num_hidden_layers`);
  return { groups, inner };
}
