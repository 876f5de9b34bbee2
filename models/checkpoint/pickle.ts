/** Weights that exist only as pickles: what is there, and the command that converts them. No I/O. */

/** A pickle can run code, so it is left to the library that made it. */
export const isPickle = (name: string): boolean => /^pytorch_model.*\.bin$/.test(name);

/**
 * @param from arguments of `from_pretrained`, in Python
 * @param to the folder that the files are written to
 */
export function howToConvert(from: string, to: string): string {
  const load = `from_pretrained(${from})`;
  const save = `save_pretrained('${to}'`;
  return `Convert them with Python's transformers and add the folder:

  python -c "import transformers as t; t.AutoModelForMaskedLM.${load}.${save}, safe_serialization=True); t.AutoTokenizer.${load}.${save})"
  npm run models -- add ${to}`;
}
