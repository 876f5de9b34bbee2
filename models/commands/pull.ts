/** `pull`: downloads a model from the Hugging Face Hub. */
import { pull } from '../hub/pull.ts';
import { type Command, requireModel } from './command.ts';
import { progressBar } from './progress.ts';
import { print, say } from './terminal.ts';
import { UsageError } from './usage-error.ts';

export interface PullChoice {
  readonly revision?: string | undefined;
  readonly id?: string | undefined;
}

export const command: Command = {
  async run(model, options) {
    await pullModel(requireModel(model), options);
  },
};

/** Not a path such as `./folder`. */
export const isHubId = (name: string): boolean => /^\w[\w.-]*\/\w[\w.-]*$/.test(name);

/** @returns the folder of the model */
export async function pullModel(name: string, choice: PullChoice): Promise<string> {
  if (!isHubId(name)) throw new UsageError(`"${name}" is not an id of the Hub: write <owner>/<name>`);
  const { id, folder, source, changed } = await pull(name, {
    ...choice,
    endpoint: process.env['HF_ENDPOINT'],
    token: process.env['HF_TOKEN'],
    progress: progressBar('downloaded'),
    // Below the progress bar.
    say: (line) => say(`\n${line}`),
  });
  const { hub, commit, license } = source;
  print(`${hub}@${commit} (licence: ${license}) ${changed ? 'is now' : 'is already'} in ${folder}, as ${id}`);
  return folder;
}
