/** Shows the outcome of a question: candidates or combinations, and which cache answered; or an error. */
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
import { ResultView } from './result-view.ts';

const results = byId('results', HTMLElement);
const title = byId('results-title', HTMLHeadingElement);
const answer = byId('answer', HTMLDivElement);
const facts = byId('facts', HTMLDListElement);
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

/** @returns the view to choose candidates from, if there is an answer */
export function showOutcome(question: Question, outcome: Outcome, editor: Editor): ResultView | undefined {
  if (outcome.kind === 'cancelled') return undefined;
  if (outcome.kind === 'failed') {
    showNothing();
    showAlert(outcome.message, outcome.wait_s);
    return undefined;
  }
  const masked = findMasks(question.text);
  const view = new ResultView(masked, editor);
  const masks = masked.masks.length;
  const combinations = question.joint ? parseCombinations(outcome.document, masks) : undefined;
  const lists = question.joint ? undefined : parseCandidates(outcome.document, masks);
  const rendered =
    (combinations && showCombinations(masked, combinations, view.chooseAll)) ??
    (lists && showCandidates(masked, lists, view.choose));
  if (!rendered) {
    showNothing();
    showAlert('The server answered in an unknown format. Is this the address of the API?');
    return undefined;
  }
  replaceAnswer(rendered.element);
  view.answer = rendered;
  const work = describeWork(outcome.headers, outcome.took_ms);
  facts.replaceChildren(...work.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value))));
  facts.hidden = false;
  announce(`${rendered.summary} ${work[0]?.join(': ') ?? ''}.`);
  return view;
}

function showNothing(): void {
  facts.hidden = true;
  stale.hidden = true;
  replaceAnswer(make('p', { class: 'empty' }, 'No answer to this question.'));
}

/** If the removed content has the focus, the title gets it. */
function replaceAnswer(element: HTMLElement): void {
  if (answer.contains(document.activeElement)) title.focus();
  answer.replaceChildren(element);
}
