/** The models that are picked, as paths. */
import { byId } from './elements.ts';

const select = byId('model', HTMLSelectElement);
const other = byId('other', HTMLSelectElement);

/** What stands before the path of a request. Empty for the default model. */
export const modelPath = (): string => select.value;

/** The same for the model to compare with. Empty for none. */
export const otherPath = (): string => other.value;
