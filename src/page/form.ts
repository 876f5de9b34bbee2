/** The form: a question is read from it and written to it. */
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
  '“Only these words” and “Fill all masks together” exclude each other: empty the one or switch off the other.';

/** @returns what keeps the options from being sent, as a sentence */
export function conflict(): string | undefined {
  const both = joint.checked && parseTargets(targets.value).length > 0;
  for (const input of [targets, joint]) input.setAttribute('aria-invalid', String(both));
  return both ? CONFLICT : undefined;
}

/** A number is of no effect where all targets are listed. @returns what was complained of and is no longer wrong */
export function followOptions(): string | undefined {
  topK.disabled = parseTargets(targets.value).length > 0;
  // What was complained of is looked at again once it changes.
  if (targets.getAttribute('aria-invalid') !== 'true') return undefined;
  return conflict() === undefined ? CONFLICT : undefined;
}

export function onOptions(listener: () => void): void {
  for (const input of [topK, targets, joint]) input.addEventListener('input', listener);
}
