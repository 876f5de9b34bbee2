/**
 * npm run bench:sizes -- --tokenizers <folder>: published geometries with random weights, each served by the bundled worker in
 * plain miniflare. Prints what they take in the bucket and in memory, and the times of a first and of a later request.
 * The folder has a folder with the files of each tokenizer of TOKENIZERS.
 */
import { mkdtemp, readdir, copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { makeArtifacts, makeManifest, readCheckpoint } from '../../models/build/build.ts';
import { needsOf } from '../../models/build/memory-needs.ts';
import { convert } from '../../models/convert/convert.ts';
import type { EncoderConfig } from '../../models/checkpoint/encoder.ts';
import { randomWeights } from '../../models/evaluation/geometry-cost.ts';
import { uncalibratedPlan } from '../../models/quantization/plan.ts';
import { type FoundTokenizer, readTokenizer } from '../../models/tokenizer/files.ts';
import { ISOLATE_BYTES } from '../../src/limits.ts';
import { objectKey } from '../../src/model/manifest.ts';
import { readOptions, refuse } from '../options.ts';
import { ask, bundleWithFaults, serve } from '../chaos/isolate.ts';
import { spreadOf } from './statistics.ts';

/** The folder of the files, and `config.json` as far as the tokenizer reads it. */
const TOKENIZERS = {
  albert: { folder: 'albert-base-v2', model_type: 'albert', architectures: ['AlbertForMaskedLM'] },
  bert: { folder: 'bert-base-uncased', model_type: 'bert', architectures: ['BertForMaskedLM'] },
  roberta: { folder: 'roberta-base', model_type: 'roberta', architectures: ['RobertaForMaskedLM'] },
  // The 30,000 pieces of ALBERT, read as CamemBERT's 32,000 are.
  camembert: { folder: 'albert-base-v2', model_type: 'camembert', architectures: ['CamembertForMaskedLM'] },
} as const;

/** The special tokens of ALBERT's pieces. */
const ALBERT_TOKENS = {
  bos_token: '[CLS]',
  cls_token: '[CLS]',
  eos_token: '[SEP]',
  sep_token: '[SEP]',
  pad_token: '<pad>',
  unk_token: '<unk>',
  mask_token: '[MASK]',
};

const BASE: Partial<EncoderConfig> = {
  hidden_size: 768,
  intermediate_size: 3072,
  num_attention_heads: 12,
  num_hidden_layers: 12,
};

interface Published {
  readonly name: string;
  readonly tokenizer: keyof typeof TOKENIZERS;
  readonly bits: 4 | 8;
  readonly config: Partial<EncoderConfig>;
}

const MODELS: readonly Published[] = [
  {
    name: 'ALBERT-base',
    tokenizer: 'albert',
    bits: 8,
    config: { ...BASE, family: 'albert', embedding_size: 128, layers_stored: 1 },
  },
  {
    name: 'ELECTRA-small generator',
    tokenizer: 'bert',
    bits: 8,
    config: {
      family: 'electra',
      embedding_size: 128,
      hidden_size: 256,
      intermediate_size: 1024,
      num_attention_heads: 4,
      num_hidden_layers: 12,
    },
  },
  {
    name: 'DistilBERT',
    tokenizer: 'bert',
    bits: 8,
    config: { ...BASE, family: 'distilbert', num_hidden_layers: 6 },
  },
  { name: 'BERT-base, 4 bits', tokenizer: 'bert', bits: 4, config: { ...BASE, family: 'bert' } },
  {
    name: 'DistilRoBERTa',
    tokenizer: 'roberta',
    bits: 8,
    config: { ...BASE, family: 'roberta', num_hidden_layers: 6 },
  },
  { name: 'RoBERTa-base, 4 bits', tokenizer: 'roberta', bits: 4, config: { ...BASE, family: 'roberta' } },
  {
    name: 'CamemBERT-base, 4 bits',
    tokenizer: 'camembert',
    bits: 4,
    config: { ...BASE, family: 'camembert', vocab_size: 32_005 },
  },
];

const LATER = 20;

const folders = [...new Set(Object.values(TOKENIZERS).map(({ folder }) => folder))];
const USAGE = `npm run bench:sizes -- --tokenizers <folder> [--only NAME]
npm run bench:sizes -- --added <folder>

  --tokenizers     has the files of ${folders.join(', ')}, each in a folder of that name
  --only NAME      models whose name contains this
  --added FOLDER   instead, a checkpoint that \`npm run models -- add\` has added`;
const {
  tokenizers,
  only = '',
  added,
} = readOptions(USAGE, {
  tokenizers: { type: 'string' },
  only: { type: 'string' },
  added: { type: 'string' },
}).values;
if (tokenizers === undefined && added === undefined) refuse('--tokenizers is missing', USAGE);

async function tokenizerOf(name: keyof typeof TOKENIZERS): Promise<FoundTokenizer> {
  const { folder: named, ...config } = TOKENIZERS[name];
  const folder = await mkdtemp(join(tmpdir(), 'sizes-'));
  try {
    const from = join(tokenizers ?? '', named);
    for (const file of await readdir(from)) {
      const renamed = name === 'camembert' && file === 'spiece.model' ? 'sentencepiece.bpe.model' : file;
      await copyFile(join(from, file), join(folder, renamed));
    }
    await writeFile(join(folder, 'config.json'), JSON.stringify(config));
    if (name === 'camembert') await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(ALBERT_TOKENS));
    return await readTokenizer(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function configOf({ config }: Published, vocab_size: number): EncoderConfig {
  const layers = config.num_hidden_layers ?? 0;
  const isRoberta = config.family === 'roberta' || config.family === 'camembert';
  return {
    family: 'bert',
    vocab_size,
    embedding_size: config.hidden_size ?? 0,
    hidden_size: 0,
    num_hidden_layers: layers,
    num_attention_heads: 0,
    intermediate_size: 0,
    max_position_embeddings: 512,
    type_vocab_size: isRoberta || config.family === 'distilbert' ? 1 : 2,
    layer_norm_eps: 1e-12,
    hidden_act: config.family === 'albert' ? 'gelu_new' : 'gelu',
    position_offset: isRoberta ? 2 : 0,
    tie_word_embeddings: true,
    layers_stored: layers,
    inner_group_num: 1,
    ...config,
  };
}

function sizeOf({ json }: FoundTokenizer): number {
  const { vocab } = (JSON.parse(json) as { model: { vocab: object } }).model;
  return Object.keys(vocab).length;
}

const mega = (bytes: number) => (bytes / 1e6).toFixed(1);
const built = await bundleWithFaults();
console.log(
  '| model | in R2, MB | WASM, MB | computed, MB | JavaScript, MB | together, MB | first request, ms | later, ms |',
);
console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
/** Serves a build and prints its row. */
async function measureServed(
  name: string,
  id: string,
  revision: string,
  mask: string,
  files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>,
  computed: { readonly fileBytes: number; readonly heapBytes: number },
): Promise<void> {
  const objects = new Map(
    Object.entries(files).map(([file, bytes]) => [objectKey(id, revision, file as 'manifest.json'), bytes]),
  );
  const isolate = await serve({ ...built, model: `${id}@${revision}`, objects });
  try {
    await isolate.put();
    const short = (i: number) => ({ inputs: `The old man number ${i} went to the ${mask} with his dog.` });
    const answered = async (body: unknown) => {
      const reply = await ask(isolate.url, '/fill-mask', { body, headers: { 'cache-control': 'no-store' } });
      if (reply.status !== 200) throw new Error(`${name}: ${reply.status} ${reply.body.slice(0, 200)}`);
      return reply.ms;
    };
    const first = await answered(short(0));
    const later = [];
    for (let i = 1; i <= LATER; i++) later.push(await answered(short(i)));
    const long = `${'the old man went to the sea and '.repeat(50)}${`${mask} `.repeat(16)}`;
    await answered({ inputs: long, parameters: { truncation: true, top_k: 100 } });
    const { script, wasm } = await isolate.memory();
    console.log(
      `| ${name} | ${mega(computed.fileBytes)} | ${mega(wasm)} | ${mega(computed.heapBytes)} | ${mega(script)} | ` +
        `${mega(wasm + script)}${wasm + script < ISOLATE_BYTES ? '' : ', too much'} | ${first.toFixed(0)} | ${spreadOf(later).median.toFixed(1)} |`,
    );
  } finally {
    await isolate.close();
  }
}

for (const published of added === undefined ? MODELS.filter(({ name }) => name.includes(only)) : []) {
  const tokenizer = await tokenizerOf(published.tokenizer);
  const weights = randomWeights(configOf(published, sizeOf(tokenizer)));
  const plan = uncalibratedPlan(weights);
  const checkpoint = {
    id: 'sized',
    folder: '',
    weights,
    tokenizer,
    bits: published.bits,
    backend: 'engine' as const,
    plan,
  };
  const { engine } = await needsOf(weights, tokenizer.packed.length, published.bits, plan);
  const artifacts = await makeArtifacts(checkpoint);
  const error = { texts: 1, masks: 1, top1_agreement: 0, mean_kl: 0, max_score_error: 0 };
  const card = { license: 'none', source: 'random weights' };
  const manifest = await makeManifest(checkpoint, artifacts, { 'model.efm': error }, card);
  const files = { ...artifacts.files, 'manifest.json': new TextEncoder().encode(JSON.stringify(manifest)) };
  await measureServed(published.name, 'sized', manifest.revision, tokenizer.special_tokens.mask.token, files, engine);
}

if (added !== undefined) {
  const { id, revision, folder } = await convert(added, { say: () => undefined });
  const { weights, tokenizer, bits, plan } = await readCheckpoint(added);
  const { engine } = await needsOf(weights, tokenizer.packed.length, bits, plan);
  const names = await readdir(folder);
  const read = await Promise.all(
    names.map(async (name) => [name, new Uint8Array(await readFile(join(folder, name)))] as const),
  );
  await measureServed(id, id, revision, tokenizer.special_tokens.mask.token, Object.fromEntries(read), engine);
}
