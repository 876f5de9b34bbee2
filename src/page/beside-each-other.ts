/** Shows the answers of two models beside each other. */
import type { Source } from './answer.ts';
import { make } from './elements.ts';

/**
 * @param id of the title that the answers have in common
 * @param show called with the ids of the titles of an answer
 * @returns each answer below the name of its model. Of one model alone, the answer
 */
export function besideEachOther<T>(
  sources: readonly Source<T>[],
  id: string,
  show: (answer: T, label: string) => readonly HTMLElement[],
): readonly HTMLElement[] {
  const lists = sources.map(({ name, answer }, i) => {
    const ofModel = `${id}-model-${i + 1}`;
    const title = name === '' ? [] : [make('h4', { id: ofModel }, name)];
    const label = name === '' ? id : `${id} ${ofModel}`;
    const shown = typeof answer === 'string' ? [make('p', { class: 'empty' }, answer)] : show(answer, label);
    return make('div', {}, ...title, ...shown);
  });
  return lists.length > 1 ? [make('div', { class: 'pair' }, ...lists)] : lists;
}

/** @param summarizeOne called with each answer @returns one sentence for each model, for screen readers */
export function summarize<T>(sources: readonly Source<T>[], summarizeOne: (answer: T) => string): string {
  return sources
    .map(({ name, answer }) => {
      const summary = typeof answer === 'string' ? answer : summarizeOne(answer);
      return name === '' ? summary : `${name}: ${summary}`;
    })
    .join(' ');
}
