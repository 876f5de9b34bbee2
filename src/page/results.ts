/** What came of a question, on the page: candidates or combinations, which memory answered, or what went wrong. */
import { findMasks } from '../tokenizer/masks.ts';
import { showAlert } from './alert.ts';
import { parseCandidates, parseCombinations } from './parse-response.ts';
import type { Outcome } from './api.ts';
import type { Editor } from './editor.ts';
import { announce, byId, make } from './elements.ts';
import { describeWork } from './cache-status.ts';
import type { Question } from './question.ts';
import { showCandidates } from './show-candidates.ts';
import { showCombinations } from './show-combinations.ts';
import { Shown } from './result-view.ts';

const results = byId('results', HTMLElement);
const title = byId('results-title', HTMLHeadingElement);
const answer = byId('answer', HTMLDivElement);
const memory = byId('memory', HTMLDListElement);
const busy = byId('busy', HTMLParagraphElement);
const cancel = byId('cancel', HTMLButtonElement);
const stale = byId('stale', HTMLParagraphElement);

export function setBusy(isBusy: boolean): void {
  results.setAttribute('aria-busy', String(isBusy));
  busy.hidden = !isBusy;
  if (!isBusy && document.activeElement === cancel) title.focus();
  cancel.hidden = !isBusy;
  if (isBusy) announce('Waiting for the answer.');
}

/** @returns what can be chosen from, if anything */
export function showOutcome(question: Question, outcome: Outcome, editor: Editor): Shown | undefined {
  if (outcome.kind === 'cancelled') return undefined;
  if (outcome.kind === 'refused') {
    showNothing();
    showAlert(outcome.sentence, outcome.wait_s);
    return undefined;
  }
  const masked = findMasks(question.text);
  const shown = new Shown(masked, editor);
  const masks = masked.masks.length;
  const combinations = question.joint ? parseCombinations(outcome.document, masks) : undefined;
  const lists = question.joint ? undefined : parseCandidates(outcome.document, masks);
  const made =
    (combinations && showCombinations(masked, combinations, shown.chooseAll)) ??
    (lists && showCandidates(masked, lists, shown.choose));
  if (!made) {
    showNothing();
    showAlert('The server answered in a form that is not known here. Is this address really the API?');
    return undefined;
  }
  replaceAnswer(made.element);
  shown.answer = made;
  const facts = describeWork(outcome.headers, outcome.took_ms);
  memory.replaceChildren(...facts.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value))));
  memory.hidden = false;
  announce(`${made.summary} ${facts[0]?.join(': ') ?? ''}.`);
  return shown;
}

function showNothing(): void {
  memory.hidden = true;
  stale.hidden = true;
  replaceAnswer(make('p', { class: 'empty' }, 'No answer to this question.'));
}

/** What goes away with the focus on it hands it to the title. */
function replaceAnswer(element: HTMLElement): void {
  if (answer.contains(document.activeElement)) title.focus();
  answer.replaceChildren(element);
}
