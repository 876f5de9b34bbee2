/**
 * Checkpoints of every family whose widths and heads are no multiple of 8, with every activation: `node test/models/odd-widths.ts <folder>`
 * writes them for test/fixtures/record/odd_widths.py.
 */
import { join } from 'node:path';

import { writeRandomCheckpoint } from './random-checkpoint.ts';

const SMALL = {
  vocab_size: 43,
  num_hidden_layers: 2,
  max_position_embeddings: 24,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  pad_token_id: 0,
};
const ROBERTA = {
  ...SMALL,
  layer_norm_eps: 1e-5,
  type_vocab_size: 1,
  pad_token_id: 1,
  bos_token_id: 0,
  eos_token_id: 2,
};

const ODD_WIDTHS = {
  // Heads of 26, as rubert-tiny and TinyBERT-312 have.
  bert: {
    ...SMALL,
    architectures: ['BertForPreTraining'],
    hidden_act: 'relu',
    hidden_size: 78,
    num_attention_heads: 3,
    intermediate_size: 101,
  },
  albert: {
    ...SMALL,
    architectures: ['AlbertForPreTraining'],
    hidden_act: 'silu',
    embedding_size: 21,
    hidden_size: 100,
    num_attention_heads: 10,
    intermediate_size: 50,
    num_hidden_groups: 2,
  },
  roberta: {
    ...ROBERTA,
    architectures: ['RobertaForMaskedLM'],
    hidden_act: 'silu',
    hidden_size: 36,
    num_attention_heads: 3,
    intermediate_size: 70,
  },
  camembert: {
    ...ROBERTA,
    architectures: ['CamembertForMaskedLM'],
    hidden_act: 'gelu',
    hidden_size: 52,
    num_attention_heads: 4,
    intermediate_size: 35,
  },
  'xlm-roberta': {
    ...ROBERTA,
    architectures: ['XLMRobertaForMaskedLM'],
    hidden_act: 'gelu_new',
    hidden_size: 45,
    num_attention_heads: 5,
    intermediate_size: 99,
  },
  electra: {
    ...SMALL,
    architectures: ['ElectraForMaskedLM'],
    hidden_act: 'relu',
    embedding_size: 19,
    hidden_size: 44,
    num_attention_heads: 4,
    intermediate_size: 60,
  },
  distilbert: {
    architectures: ['DistilBertForMaskedLM'],
    vocab_size: 43,
    activation: 'relu',
    dim: 30,
    n_layers: 2,
    n_heads: 2,
    hidden_dim: 45,
    max_position_embeddings: 24,
    pad_token_id: 0,
  },
} as const;
export type OddFamily = keyof typeof ODD_WIDTHS;
export const ODD_FAMILIES = Object.keys(ODD_WIDTHS) as OddFamily[];

export const writeOddWidths = (folder: string, family: OddFamily): Promise<void> =>
  writeRandomCheckpoint(folder, { model_type: family, ...ODD_WIDTHS[family] }, 11);

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error('name the folder to write');
  for (const family of ODD_FAMILIES) await writeOddWidths(join(folder, family), family);
}
