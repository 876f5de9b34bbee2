/** The answer of `GET /info`: the model and the limits. No I/O. */
import type { BackendKind } from '../inference/backend.ts';
import {
  DEFAULT_NUM_BEAMS,
  DEFAULT_TOP_K,
  MAX_ANSWER_BYTES,
  MAX_NUM_BEAMS,
  MAX_BODY_BYTES,
  MAX_MASKS_PER_TEXT,
  MAX_TARGET_LENGTH,
  MAX_TARGET_PIECES,
  MAX_TARGETS,
  MAX_TEXT_LENGTH,
  MAX_TEXTS,
  MAX_TOKENIZED,
  MAX_TOP_K,
  MAX_TRUNCATED_TEXT_LENGTH,
} from '../limits.ts';
import type { Manifest } from '../model/manifest.ts';
import type { Info } from '../schemas/service.ts';

export function infoOf(
  { id, revision, files, architecture, special_tokens, heads, quantization, license, source }: Manifest,
  { description, file }: BackendKind,
  max_work: number,
): Info {
  const measured = quantization[file];
  return {
    model: id,
    revision,
    weights_bytes: files.find(({ name }) => name === file)?.bytes ?? 0,
    backend: description,
    mask_token: special_tokens.mask.token,
    heads,
    limits: {
      tokens: architecture.max_position_embeddings,
      multiply_adds: max_work,
      masks_per_text: MAX_MASKS_PER_TEXT,
      texts: MAX_TEXTS,
      text_length: MAX_TEXT_LENGTH,
      truncated_text_length: MAX_TRUNCATED_TEXT_LENGTH,
      body_bytes: MAX_BODY_BYTES,
      targets: MAX_TARGETS,
      target_pieces: MAX_TARGET_PIECES,
      target_length: MAX_TARGET_LENGTH,
      tokenized: MAX_TOKENIZED,
      answer_length: MAX_ANSWER_BYTES,
      top_k: { default: DEFAULT_TOP_K, max: MAX_TOP_K },
      num_beams: { default: DEFAULT_NUM_BEAMS, max: MAX_NUM_BEAMS },
    },
    architecture,
    ...(measured && { quantization: measured }),
    license,
    source,
  };
}
