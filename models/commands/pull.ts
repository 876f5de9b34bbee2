/** The command that brings a model from the Hub. */
import { pull } from '../hub/pull.ts';
import { progressBar } from '../progress.ts';
import { UsageError } from './usage-error.ts';

export interface PullChoice {
  readonly revision?: string | undefined;
  readonly id?: string | undefined;
}

/** @returns the folder of the model */
export async function pullModel(name: string, choice: PullChoice): Promise<string> {
  if (!/^[\w.-]+\/[\w.-]+$/.test(name)) throw new UsageError(`"${name}" is no id of the Hub: <owner>/<name>`);
  const { id, folder, source, changed } = await pull(name, {
    ...choice,
    endpoint: process.env['HF_ENDPOINT'],
    token: process.env['HF_TOKEN'],
    progress: progressBar(),
    // Below the bar.
    say: (line) => console.error(`\n${line}`),
  });
  const { hub, commit, license } = source;
  console.log(`${hub}@${commit} (licence: ${license}) ${changed ? 'is now' : 'is already'} in ${folder}, as ${id}`);
  return folder;
}
