/** Example sentences. */
import { byId, make } from './elements.ts';

const EXAMPLES = [
  'I love [MASK] because you are [MASK].',
  'She opened the [MASK].',
  'The capital of France is [MASK].',
];

export function showExamples(pick: (text: string) => void): void {
  const items = EXAMPLES.map((text) => {
    const button = make('button', { type: 'button' }, text);
    button.addEventListener('click', () => pick(text));
    return make('li', {}, button);
  });
  byId('examples', HTMLUListElement).append(...items);
}
