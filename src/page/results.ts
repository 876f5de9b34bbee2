/** Shows the outcome of a question: candidates or combinations, and which cache answered; or an error. */
import { showAlert } from './alert.ts';
import type { Answer, Asked, Choose } from './answer.ts';
import type { Outcome } from './api.ts';
import { describeWork } from './cache-status.ts';
import { announce, byId, make } from './elements.ts';
import { parseCandidates, parseCombinations } from './parse-response.ts';
import { showCandidates } from './show-candidates.ts';
import { showCombinations } from './show-combinations.ts';

const results = byId('results', HTMLElement);
const title = byId('results-title', HTMLHeadingElement);
const answer = byId('answer', HTMLDivElement);
const facts = byId('facts', HTMLDListElement);
const busy = byId('busy', HTMLParagraphElement);
const cancel = byId('cancel', HTMLButtonElement);

export function setBusy(isBusy: boolean): void {
  results.setAttribute('aria-busy', String(isBusy));
  busy.hidden = !isBusy;
  if (!isBusy && document.activeElement === cancel) title.focus();
  cancel.hidden = !isBusy;
}

/** Candidates of another text stay visible until the new answer replaces them, but cannot be chosen. */
export function setStale(isStale: boolean): void {
  results.classList.toggle('stale', isStale);
  for (const button of answer.querySelectorAll('.candidate')) {
    if (isStale) button.setAttribute('aria-disabled', 'true');
    else button.removeAttribute('aria-disabled');
  }
}

/** @returns the answer, if there is one */
export function showOutcome(
  asked: Asked,
  isJoint: boolean,
  outcome: Exclude<Outcome, { kind: 'cancelled' }>,
  choose: Choose,
): Answer | undefined {
  if (outcome.kind === 'failed') {
    showHint('No answer to this question.');
    showAlert(outcome.message, outcome.wait_s);
    return undefined;
  }
  const masks = asked.sent.masks.length;
  const chooseCurrent: Choose = (text, message) => {
    if (!results.classList.contains('stale')) choose(text, message);
  };
  const combinations = isJoint ? parseCombinations(outcome.document, masks) : undefined;
  const lists = isJoint ? undefined : parseCandidates(outcome.document, masks);
  const shown =
    (combinations && showCombinations(asked.sent, combinations, chooseCurrent)) ??
    (lists && showCandidates(asked, lists, chooseCurrent));
  if (!shown) {
    showHint('No answer to this question.');
    showAlert('The server answered in an unknown format. Is this the address of the API?');
    return undefined;
  }
  replaceAnswer(shown.element);
  const work = describeWork(outcome.headers, outcome.took_ms);
  facts.replaceChildren(...work.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value))));
  facts.hidden = false;
  announce(shown.summary);
  return shown;
}

/** Shows a sentence in place of candidates. */
export function showHint(hint: string): void {
  facts.hidden = true;
  replaceAnswer(make('p', { class: 'empty' }, hint));
}

export function focusGap(index: number): void {
  const column = answer.querySelectorAll('.bars')[index] ?? answer.querySelector('.bars');
  column?.querySelector('button')?.focus();
}

/** If the removed content has the focus, its successor in the same place gets it, or else the title. */
function replaceAnswer(element: HTMLElement): void {
  const at = buttons().findIndex((button) => button === document.activeElement);
  answer.replaceChildren(element);
  if (at >= 0) (buttons()[at] ?? buttons().at(-1) ?? title).focus({ preventScroll: true });
}

const buttons = (): HTMLButtonElement[] => Array.from(answer.querySelectorAll('button'));
