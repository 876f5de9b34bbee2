/** The model that is picked, as a path. */
import { byId } from './elements.ts';

const select = byId('model', HTMLSelectElement);

/** What stands before the path of a request. Empty for the default model. */
export const modelPath = (): string => select.value;
