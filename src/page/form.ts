/** Reads the options of a question from the form and writes them to it. */
import { byId, make } from './elements.ts';
import { parseTargets, type Question } from './question.ts';

const topK = byId('top-k', HTMLSelectElement);
const targets = byId('targets', HTMLInputElement);
const joint = byId('joint', HTMLInputElement);

export function readOptions(): Omit<Question, 'text'> {
  return { top_k: Number(topK.value), targets: parseTargets(targets.value), joint: joint.checked };
}

export function writeOptions(question: Question): void {
  const value = String(question.top_k);
  if (!Array.from(topK.options).some((option) => option.value === value)) topK.append(make('option', {}, value));
  topK.value = value;
  targets.value = question.targets.join(', ');
  joint.checked = question.joint;
}

const CONFLICT =
  '“Only these words” and “Fill all masks together” exclude each other: clear the first or switch off the second.';

/** @returns an error message if the options cannot be combined */
export function findConflict(): string | undefined {
  const both = joint.checked && parseTargets(targets.value).length > 0;
  for (const input of [targets, joint]) input.setAttribute('aria-invalid', String(both));
  return both ? CONFLICT : undefined;
}

/** With targets, all of them are listed, so the number has no effect. @returns the error message that no longer applies */
export function updateOptions(): string | undefined {
  topK.disabled = parseTargets(targets.value).length > 0;
  if (targets.getAttribute('aria-invalid') !== 'true') return undefined;
  return findConflict() === undefined ? CONFLICT : undefined;
}

export function onOptions(listener: () => void): void {
  for (const input of [topK, targets, joint]) input.addEventListener('input', listener);
}
