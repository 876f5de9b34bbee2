/** The API key, where the deployment has keys. It stays in the page, and in the browser's storage only if the person asks. */
import { API_KEY } from '../schemas/api-key.ts';
import { addressOf } from './address.ts';
import { byId } from './elements.ts';

/** Of this deployment: others may be below other paths of the same host. */
const STORED = `api_key${new URL(addressOf('')).pathname.replace(/^\/$/, '')}`;

const field = byId('key-field', HTMLDivElement);
const input = byId('key', HTMLInputElement);
const remember = byId('remember-key', HTMLInputElement);

/** Headers of a request, with the key that was typed. */
export function keyHeaders(): Record<string, string> {
  const key = input.value.trim();
  return API_KEY.test(key) ? { authorization: `Bearer ${key}` } : {};
}

/** Whether the deployment has asked for a key. */
export const needsKey = (): boolean => !field.hidden;

/** @param takesFocus not while a person types a sentence */
export function askForKey(takesFocus: boolean): void {
  field.hidden = false;
  if (takesFocus) input.focus();
}

export function bindKey(): void {
  const stored = storage((all) => all.getItem(STORED));
  if (stored) {
    input.value = stored;
    remember.checked = true;
    field.hidden = false;
  }
  for (const element of [input, remember]) {
    element.addEventListener('change', () => {
      const key = input.value.trim();
      storage((all) => (remember.checked && key !== '' ? all.setItem(STORED, key) : all.removeItem(STORED)));
    });
  }
}

/** @returns undefined where the browser allows no storage */
function storage<T>(use: (all: Storage) => T): T | undefined {
  try {
    return use(localStorage);
  } catch {
    return undefined;
  }
}
