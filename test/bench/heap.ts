/** Prints the size of onnxruntime-web's WASM memory at load and after 512 tokens: `node heap.ts <model>`. */
import { weightsIn } from '../../models/build/build.ts';
import { onnxBackend } from '../../models/evaluation/backends.ts';
import { benchModel, type ModelName } from './models.ts';
import { encodingOf } from './workers/measuring.ts';

// The package hides its memory, so this intercepts its creation.
const memories = new Set<WebAssembly.Memory>();
const { instantiate } = WebAssembly;
const watched = async (module: WebAssembly.Module, imports?: WebAssembly.Imports) => {
  const instance = await instantiate(module, imports);
  const shared = Object.values(imports ?? {}).flatMap((part) => Object.values(part));
  for (const value of [...Object.values(instance.exports), ...shared]) {
    if (value instanceof WebAssembly.Memory) memories.add(value);
  }
  return instance;
};
WebAssembly.instantiate = watched as unknown as typeof WebAssembly.instantiate;

const { artifacts } = await benchModel(process.argv[2] as ModelName);
const backend = await onnxBackend(weightsIn(artifacts, 'model.onnx'));
const size = () => Math.max(...Array.from(memories, ({ buffer }) => buffer.byteLength));
const loaded = size();
await backend.run([encodingOf(512)]);
console.log(JSON.stringify({ loaded, used: size() }));
