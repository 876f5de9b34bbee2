/** Reads a checkpoint of any family as plain weights. No I/O. */
import { readConfig } from './config.ts';
import type { EncoderConfig, EncoderWeights, Layer, LayerNorm, Linear } from './encoder.ts';
import { TENSORS } from './families.ts';
import type { StoredTensor } from './stored-tensor.ts';

/** Names of a layer norm's gamma and beta in checkpoints from before PyTorch, which published BERTs still have. */
const FORMER_NAMES: Record<string, string> = { weight: 'gamma', bias: 'beta' };

/**
 * @param configJson the text of `config.json`
 * @param tensors of all files of the checkpoint
 * @throws naming the field or tensor, if no family supports it or the parts contradict each other
 */
export function readWeights(configJson: string, tensors: ReadonlyMap<string, StoredTensor>): EncoderWeights {
  const config = readConfig(configJson, (family) => tensors.has(`${TENSORS[family].mlmDense}.weight`));
  const { embedding_size: E, hidden_size: H, intermediate_size: F, vocab_size: V } = config;
  const names = TENSORS[config.family];

  const find = (name: string) => tensors.get(name) ?? tensors.get(name.slice(names.prefix.length));
  const array = (name: string, ...shape: number[]): Float32Array => {
    const tensor = name.startsWith(names.prefix) ? find(name) : tensors.get(name);
    if (!tensor) throw new Error(`the checkpoint has no tensor ${name}`);
    if (tensor.shape.join() !== shape.join()) {
      throw new Error(
        `${name} has the shape [${tensor.shape.join(', ')}] where config.json says [${shape.join(', ')}]`,
      );
    }
    return tensor.read();
  };
  const linear = (name: string, inputs: number, outputs: number): Linear => ({
    inputs,
    outputs,
    weight: array(`${name}.weight`, outputs, inputs),
    bias: array(`${name}.bias`, outputs),
  });
  const norm = (name: string, width: number): LayerNorm => {
    const part = (which: string) => {
      const former = `${name}.${FORMER_NAMES[which]}`;
      return array(find(former) ? former : `${name}.${which}`, width);
    };
    return { gamma: part('weight'), beta: part('bias'), epsilon: config.layer_norm_eps };
  };
  const layer = (index: number): Layer => {
    const prefix = names.layer(index, config.inner_group_num);
    return {
      query: linear(prefix + names.query, H, H),
      key: linear(prefix + names.key, H, H),
      value: linear(prefix + names.value, H, H),
      attention: linear(prefix + names.attention, H, H),
      attentionNorm: norm(prefix + names.attentionNorm, H),
      feedForward: linear(prefix + names.feedForward, H, F),
      feedForwardOutput: linear(prefix + names.feedForwardOutput, F, H),
      outputNorm: norm(prefix + names.outputNorm, H),
    };
  };

  const { position_offset, max_position_embeddings: positions } = config;
  const words = array(`${names.words}.weight`, V, E);
  // The biases of the head and of its decoder are tied if the decoder is; some files have only one of them.
  const biases = [names.mlmBias, `${names.decoder}.bias`] as const;
  const [bias, otherBias] = config.tie_word_embeddings ? biases : [biases[1], biases[0]];
  if (config.tie_word_embeddings) {
    refuseOther(tensors, `${names.decoder}.weight`, words, `${names.words}.weight`);
    if (tensors.has(bias)) refuseOther(tensors, otherBias, array(bias, V), bias);
  }
  const warnings: string[] = [];
  return {
    config,
    embeddings: {
      words,
      positions: readPositions(),
      types: names.types ? array(`${names.types}.weight`, config.type_vocab_size, E) : new Float32Array(E),
      norm: norm(names.norm, E),
      projection: names.projection && hasProjection(config) ? linear(names.projection, E, H) : undefined,
    },
    layers: [layer(0), ...Array.from({ length: config.layers_stored - 1 }, (_, i) => layer(i + 1))],
    mlm: {
      dense: linear(names.mlmDense, H, E),
      norm: norm(names.mlmNorm, E),
      decoder: config.tie_word_embeddings ? undefined : array(`${names.decoder}.weight`, V, E),
      bias: array(tensors.has(bias) ? bias : otherBias, V),
    },
    sentence: readSentence(),
    warnings,
  };

  function readPositions(): Float32Array {
    const rows = array(`${names.positions}.weight`, position_offset + positions, E);
    if (position_offset === 0) return rows;
    const own = rows.slice((position_offset - 1) * E);
    // The row of the padding token goes from the front to the end.
    own.copyWithin(0, E);
    own.set(rows.subarray((position_offset - 1) * E, position_offset * E), positions * E);
    return own;
  }

  function leaveOut(why: string): undefined {
    warnings.push(`the sentence head is left out: ${why}`);
  }

  function readSentence(): EncoderWeights['sentence'] {
    const { sentence } = names;
    const classifier = sentence && tensors.get(`${sentence.classifier}.weight`);
    if (!classifier) return undefined;
    if (classifier.shape.join() !== [2, H].join()) {
      const { shape } = classifier;
      return leaveOut(
        `${sentence.classifier}.weight has the shape [${shape.join(', ')}] where two labels have [2, ${H}]`,
      );
    }
    const missing = [sentence.pooler, sentence.classifier]
      .flatMap((name) => [`${name}.weight`, `${name}.bias`])
      .find((name) => !tensors.has(name) && !find(name));
    if (missing) return leaveOut(`the checkpoint has no tensor ${missing}`);
    return {
      head: sentence.head,
      pooler: linear(sentence.pooler, H, H),
      classifier: linear(sentence.classifier, H, 2),
    };
  }
}

/** ALBERT has a projection even between equal sizes. */
const hasProjection = ({ family, embedding_size, hidden_size }: EncoderConfig) =>
  family === 'albert' || embedding_size !== hidden_size;

/** @throws if a file has a separate tensor that its configuration ties to another one */
function refuseOther(
  tensors: ReadonlyMap<string, StoredTensor>,
  name: string,
  tied: Float32Array,
  other: string,
): void {
  const own = tensors.get(name)?.read();
  if (!own || (own.length === tied.length && own.every((value, i) => value === tied[i]))) return;
  throw new Error(
    `config.json says that ${name} is tied to ${other}, but the file has another tensor there: set tie_word_embeddings to ` +
      'false to use it, or remove it from the file',
  );
}
