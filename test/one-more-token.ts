/** A model whose runs can fail. No I/O. */
import type { WeightsFile } from '../src/inference/backend.ts';
import {
  type Manifest,
  type ModelFile,
  objectKey,
  revisionOf,
  sealManifest,
  sha256Hex,
} from '../src/model/manifest.ts';
import { FIELDS } from '../src/tokenizer/vocabulary/format.ts';

/** A text with it fails. */
export const MORE = '[MORE]';

/**
 * A built model whose tokenizer has one token more than its weights: a text with MORE fails while it runs.
 * @returns its name, `<id>@<revision>`, and its objects by key
 */
export async function withOneMoreToken(
  file: WeightsFile,
  built: (name: ModelFile | 'manifest.json') => Promise<Uint8Array>,
): Promise<{ name: string; objects: Map<string, Uint8Array> }> {
  const { checksum: _, ...manifest } = JSON.parse(new TextDecoder().decode(await built('manifest.json'))) as Manifest;
  const tokenizer = new Uint8Array(await built('tokenizer.bin'));
  const words = new Uint32Array(tokenizer.buffer, 0, FIELDS.length);
  const [at = 0, length = 0] = [words[FIELDS.indexOf('json_at')], words[FIELDS.indexOf('json_bytes')]];
  const json = tokenizer.subarray(at, at + length);
  const stages = JSON.parse(new TextDecoder().decode(json)) as { added_tokens: { id: number; content: string }[] };
  Object.assign(stages.added_tokens[0] ?? {}, { id: manifest.architecture.vocab_size, content: MORE });
  // Shorter without a field that nothing reads, so that the rest can be filled with spaces.
  const shorter = JSON.stringify(stages, (key, value: unknown) => (key === 'special' ? undefined : value));
  json.set(new TextEncoder().encode(shorter.padEnd(length)));
  const contents = {
    'tokenizer.bin': tokenizer,
    [file]: new Uint8Array(await built(file)),
  };
  const files = await Promise.all(
    Object.entries(contents).map(async ([name, bytes]) => ({
      name: name as ModelFile,
      bytes: bytes.length,
      sha256: await sha256Hex(bytes),
    })),
  );
  const id = 'one-more';
  const revision = await revisionOf(files);
  const sealed = JSON.stringify(await sealManifest({ ...manifest, id, revision, files }));
  const objects = Object.entries({ ...contents, 'manifest.json': new TextEncoder().encode(sealed) });
  return {
    name: `${id}@${revision}`,
    objects: new Map(objects.map(([name, bytes]) => [objectKey(id, revision, name as ModelFile), bytes])),
  };
}
