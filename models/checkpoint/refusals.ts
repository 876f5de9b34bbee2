/** Files that people have in place of weights, and what to do about them. No I/O. */

/** Other forms of weights, by the names of their files or folders. */
const OTHERS: readonly (readonly [RegExp, string])[] = [
  [/\.gguf$/i, 'GGUF'],
  [/\.onnx$|^onnx$/i, 'ONNX'],
  [/^tf_model.*\.h5$|\.ckpt(\.|$)|^saved_model\.pb$/i, 'TensorFlow'],
  [/\.msgpack$/i, 'Flax'],
  [/^openvino/i, 'OpenVINO'],
  [/\.ot$/i, 'Rust'],
  [/\.mlmodel$|\.mlpackage$|^coreml$/i, 'Core ML'],
  [/^(?!optimizer|scheduler|scaler|rng_state).*\.pth?$/i, 'PyTorch, under another name than pytorch_model.bin'],
  [/^(adapter_model|pytorch_adapter)\./, 'an adapter'],
];
/** How many of them are named. */
const MAX_NAMED = 3;

/** The files of an adapter, which is a change of the weights of another model. */
export const ADAPTER = 'adapter_config.json';

/**
 * @param where the folder or the repository
 * @param names of its files
 * @param wanted the files of weights that are read
 */
export function noWeights(where: string, names: readonly string[], wanted: readonly string[]): string {
  const found = names.toSorted().flatMap((name) => {
    const form = OTHERS.find(([pattern]) => pattern.test(name))?.[1];
    return form ? [`${name} (${form})`] : [];
  });
  const other =
    found.length > 0
      ? `. It has ${found.slice(0, MAX_NAMED).join(', ')}, which cannot be read: get the model in a form that can`
      : '';
  // Probably no checkpoint at all.
  const config = found.length > 0 || names.includes('config.json') ? '' : 'config.json and no ';
  return `${where} has no ${config}weights: none of ${wanted.join(', ')}${other}`;
}

/**
 * @param where the folder or the repository
 * @param names of its files
 * @param base the name of the model that the adapter changes, if it is known
 */
export function adapterAt(where: string, names: readonly string[], base?: unknown): string {
  const of = typeof base === 'string' && base !== '' ? ` of ${base.slice(0, MAX_SAID)}` : '';
  return (
    `${where} has ${ADAPTER}: it is an adapter${of}, and only whole models are read. ${howToMerge(names)}\n` +
    `If the weights beside it are merged already, remove ${ADAPTER}.`
  );
}

/**
 * @param path of the weights
 * @param names of the tensors
 * @returns the refusal of weights with the names that peft gives tensors, or undefined
 */
export function unmergedIn(path: string, names: Iterable<string>): string | undefined {
  for (const name of names) {
    if (UNMERGED.test(name)) {
      return (
        `${path} was saved while an adapter was attached: it has the tensor ${name.slice(0, MAX_SAID)}. Where the model was ` +
        `trained, save model.merge_and_unload(). ${howToMerge([])}`
      );
    }
  }
  return undefined;
}
/** The names that peft gives tensors while a model is trained. */
const UNMERGED =
  /^base_model\.|\.(base_layer|lora_(A|B|E|embedding_A|embedding_B|magnitude_vector)|modules_to_save|original_module|ia3_l|hada_\w+|lokr_\w+|oft_\w+|vera_\w+)(\.|$)/;

/**
 * Only the tensors that the adapter changes are replaced, so that nothing else of the base model is lost.
 * @param names of the files beside the adapter, which may be those of its base model
 */
function howToMerge(names: readonly string[]): string {
  const pickled = names.includes('pytorch_model.bin') && !names.includes('model.safetensors');
  const [more, load] = pickled
    ? [', torch', "torch.load('<base>/pytorch_model.bin', weights_only=True)"]
    : ['', "s.load_file('<base>/model.safetensors')"];
  return `To merge an adapter, put it into a folder of its own and the files of its base model into another, and run in Python:

  import peft, safetensors.torch as s, transformers as t${more}
  model = peft.PeftModel.from_pretrained(t.AutoModelForMaskedLM.from_pretrained('<base>'), '<adapter>').merge_and_unload()
  s.save_file({k: v.contiguous().clone() for k, v in {**${load}, **model.state_dict()}.items()}, '<base>/model.safetensors', {'format': 'pt'})

Then add <base>.`;
}

/** The longest name of a file that is repeated. */
const MAX_SAID = 200;

/**
 * What was downloaded in place of a file.
 * @param begin the first bytes of the file
 * @returns the refusal, or undefined
 */
export function standInOf(begin: Uint8Array, path: string): string | undefined {
  const text = new TextDecoder('latin1').decode(begin.subarray(0, STAND_IN_BYTES));
  if (text.startsWith('version https://git-lfs.github.com/spec/')) {
    return `${path} is a git-lfs pointer, not the file itself: run "git lfs pull" where it was cloned, or download the file`;
  }
  if (/^(\u00ef\u00bb\u00bf)?\s*<(!doctype|html|\?xml)\b/i.test(text)) {
    return `${path} is a web page, not the file itself: download it from the address with /resolve/ in place of /blob/`;
  }
  return undefined;
}
/** Enough to tell by. */
export const STAND_IN_BYTES = 256;
