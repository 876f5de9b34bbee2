/** The model that wrangler.toml selects. Reads a file. */
import { selectedModel } from '../bucket/deployed.ts';
import { print } from './terminal.ts';

/** The given model, or the selected one. */
export const orSelected = (model: string | undefined): string => model ?? selectedModel().id;

export function warnUnlessSelected(id: string, revision: string): void {
  const selected = selectedModel();
  if (selected.id !== id || selected.revision !== revision) {
    print(
      `wrangler.toml selects ${selected.id}@${selected.revision}. To serve this one:\n\n  npm run models -- use ${id}@${revision}`,
    );
  }
}
