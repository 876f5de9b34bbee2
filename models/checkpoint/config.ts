/** `config.json` of the families that can be served, as one kind of configuration. No I/O. */
import type { EncoderConfig, Family } from './encoder.ts';

/** What each family calls its sizes, where it is not what BERT calls them. */
const NAMES: Record<Family, Partial<Record<Count | 'hidden_act', string>>> = {
  albert: {},
  bert: { embedding_size: 'hidden_size' },
  roberta: { embedding_size: 'hidden_size' },
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

const ACTIVATIONS: Record<string, EncoderConfig['hidden_act']> = {
  gelu: 'gelu',
  gelu_new: 'gelu_new',
  gelu_pytorch_tanh: 'gelu_new',
};

/** The classes of `transformers` whose checkpoints can be served. */
const ARCHITECTURES: Record<string, Family> = {
  AlbertForMaskedLM: 'albert',
  AlbertForPreTraining: 'albert',
  BertForMaskedLM: 'bert',
  BertForPreTraining: 'bert',
  RobertaForMaskedLM: 'roberta',
  DistilBertForMaskedLM: 'distilbert',
};

/** DistilBERT's code has it as a constant. */
const DISTILBERT_EPSILON = 1e-12;

/**
 * @param json the text of `config.json`
 * @throws naming the field, when it is of no family that can be served, or is wrong
 */
export function readConfig(json: string): EncoderConfig {
  let config: Record<string, unknown>;
  try {
    config = JSON.parse(json) as Record<string, unknown>;
  } catch {
    throw new Error('config.json is not JSON');
  }
  const family = familyOf(config);
  const name = (field: Count | 'hidden_act') => NAMES[family][field] ?? field;
  const act = config[name('hidden_act')];
  const hidden_act = typeof act === 'string' ? ACTIVATIONS[act] : undefined;
  if (!hidden_act) {
    throw new Error(
      `config.json: ${name('hidden_act')} is ${String(act)}; ${Object.keys(ACTIVATIONS).join(', ')} can be served`,
    );
  }
  if (family === 'roberta' && hidden_act !== 'gelu') {
    throw new Error(`config.json: hidden_act is ${String(act)}, and the head of a RoBERTa always has gelu`);
  }
  refuseVariants(config);

  const count = (field: string, least = 1): number => {
    const value = config[field];
    if (!Number.isSafeInteger(value) || Number(value) < least) {
      throw new Error(`config.json: ${field} is ${String(value)}, not a count`);
    }
    return Number(value);
  };
  // Without segments there is one, whose row is zero.
  const counts = Object.fromEntries(
    COUNTS.map((field) => [field, field === 'type_vocab_size' && family === 'distilbert' ? 1 : count(name(field))]),
  ) as Record<Count, number>;
  const layer_norm_eps = family === 'distilbert' ? DISTILBERT_EPSILON : config['layer_norm_eps'];
  if (typeof layer_norm_eps !== 'number') throw new Error('config.json: layer_norm_eps is not a number');
  if (counts.hidden_size % counts.num_attention_heads !== 0) {
    throw new Error(`config.json: ${name('hidden_size')} is no multiple of ${name('num_attention_heads')}`);
  }

  // A RoBERTa counts positions from the one after its padding token's id.
  const position_offset = family === 'roberta' ? count('pad_token_id', 0) + 1 : 0;
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
    layer_norm_eps,
    position_offset,
    tie_word_embeddings: config['tie_word_embeddings'] !== false,
  };
}

function familyOf({ model_type, architectures }: Record<string, unknown>): Family {
  const named = Array.isArray(architectures) ? architectures.map(String) : [];
  const supported = `what can be served is ${Object.keys(ARCHITECTURES).join(', ')}`;
  const known = named.find((name) => name in ARCHITECTURES);
  if (named.length > 0 && !known) throw new Error(`config.json: architectures is ${named.join(', ')}; ${supported}`);
  const family = Object.values(ARCHITECTURES).find((one) => one === model_type);
  if (!family) throw new Error(`config.json: model_type is ${String(model_type)}; ${supported}`);
  if (known && ARCHITECTURES[known] !== family) {
    throw new Error(`config.json: model_type is ${family}, and architectures says ${known}`);
  }
  return family;
}

function refuseVariants(config: Record<string, unknown>): void {
  const { position_embedding_type: positions = 'absolute' } = config;
  if (positions !== 'absolute') {
    throw new Error(`config.json: position_embedding_type is ${JSON.stringify(positions)}; absolute can be served`);
  }
  for (const field of ['is_decoder', 'add_cross_attention']) {
    if (config[field] === true) throw new Error(`config.json: ${field} is true; only encoders can be served`);
  }
}

/** Every layer has weights of its own. */
const UNGROUPED = { groups: undefined, inner: 1 };

/** ALBERT's sharing: so many groups, of so many layers each. */
function readGroups(config: Record<string, unknown>, layers: number, count: (field: string) => number) {
  const groups = config['num_hidden_groups'] === undefined ? 1 : count('num_hidden_groups');
  const inner = config['inner_group_num'] === undefined ? 1 : count('inner_group_num');
  if (groups > layers) throw new Error(`config.json: num_hidden_groups is ${groups}, more than num_hidden_layers`);
  return { groups, inner };
}
