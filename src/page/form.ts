/** Reads the options of a question from the form and writes them to it. */
import { byId, make } from './elements.ts';
import { parseTargets, type Question } from './question.ts';

const topK = byId('top-k', HTMLSelectElement);
const targets = byId('targets', HTMLInputElement);
const joint = byId('joint', HTMLInputElement);
const onlyWords = byId('only-words', HTMLInputElement);
const wholeWords = byId('whole-words', HTMLInputElement);
const relative = byId('relative', HTMLInputElement);
const summary = byId('options-summary', HTMLSpanElement);
const answer = byId('answer', HTMLDivElement);

export function readOptions(): Omit<Question, 'text' | 'model' | 'other'> {
  return {
    top_k: Number(topK.value),
    targets: parseTargets(targets.value),
    joint: joint.checked,
    only_words: onlyWords.checked && !onlyWords.disabled,
    whole_words: wholeWords.checked && !wholeWords.disabled,
  };
}

/** A link with both of two options that exclude each other keeps the words. @returns whether it had both */
export function writeOptions(question: Question): boolean {
  const value = String(question.top_k);
  if (!Array.from(topK.options).some((option) => option.value === value)) topK.append(make('option', {}, value));
  topK.value = value;
  targets.value = question.targets.join(', ');
  joint.checked = question.joint && question.targets.length === 0;
  onlyWords.checked = question.only_words;
  wholeWords.checked = question.whole_words;
  updateOptions();
  return question.joint && question.targets.length > 0;
}

/** Disables the options that the others exclude, and summarizes all of them. */
export function updateOptions(): void {
  const words = parseTargets(targets.value);
  topK.disabled = words.length > 0;
  joint.disabled = words.length > 0;
  onlyWords.disabled = words.length > 0;
  wholeWords.disabled = words.length > 0 || joint.checked;
  targets.disabled = joint.checked;
  summary.textContent = [
    words.length > 0 ? `only ${words.join(', ')}` : `${topK.value} candidates`,
    joint.checked ? 'all gaps together' : 'each gap by itself',
    ...(onlyWords.checked && !onlyWords.disabled ? ['only words'] : []),
    ...(wholeWords.checked && !wholeWords.disabled ? ['long words too'] : []),
    ...(relative.checked ? ['relative bars'] : []),
  ].join(' · ');
}

/** @param listener called after a change of the question */
export function onOptions(listener: () => void): void {
  for (const input of [topK, targets, joint, onlyWords, wholeWords]) input.addEventListener('input', listener);
  const show = () => {
    answer.classList.toggle('relative', relative.checked);
    updateOptions();
  };
  relative.addEventListener('input', show);
  show();
}
