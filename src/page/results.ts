/** Shows the outcome of a question: candidates or combinations, and which cache answered; or an error. */
import { showAlert } from './alert.ts';
import type { Answer, Asked, Choose, Source } from './answer.ts';
import { isRefused, type Settled } from './api.ts';
import { describeWork, type Fact } from './cache-status.ts';
import { announce, byId, make } from './elements.ts';
import { parseCandidates, parseCombinations } from './parse-response.ts';
import { showCandidates } from './show-candidates.ts';
import { showCombinations } from './show-combinations.ts';

const results = byId('results', HTMLElement);
const title = byId('results-title', HTMLHeadingElement);
const answer = byId('answer', HTMLDivElement);
const facts = byId('facts', HTMLDivElement);
const busy = byId('busy', HTMLParagraphElement);
const cancel = byId('cancel', HTMLButtonElement);

const NO_ANSWER = 'No answer to this question.';
const UNKNOWN_FORMAT = 'The server answered in an unknown format. Is this the address of the API?';

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

/** A second model that is asked the same. */
export interface Compared {
  /** Of both models. */
  readonly names: readonly [string, string];
  /** Undefined while it is awaited. */
  readonly outcome: Settled | undefined;
}

/** @returns the answer, if the first model has one */
export function showOutcome(
  asked: Asked,
  isJoint: boolean,
  outcome: Settled,
  compared: Compared | undefined,
  choose: Choose,
): Answer | undefined {
  if (outcome.kind === 'failed') {
    showHint(NO_ANSWER);
    showAlert(outcome.message, outcome.wait_s);
    return undefined;
  }
  const masks = asked.sent.masks.length;
  const chooseCurrent: Choose = (text, message) => {
    if (!results.classList.contains('stale')) choose(text, message);
  };
  const read = <T>(parse: (document: unknown, masks: number) => T | undefined): Source<T>[] | undefined => {
    const ofFirst = parse(outcome.document, masks);
    if (!ofFirst || !compared) return ofFirst && [{ name: '', answer: ofFirst }];
    const [first, second] = compared.names;
    const ofSecond =
      compared.outcome?.kind === 'answered'
        ? (parse(compared.outcome.document, masks) ?? UNKNOWN_FORMAT)
        : describeNoAnswer(compared.outcome);
    return [
      { name: first, answer: ofFirst },
      { name: second, answer: ofSecond },
    ];
  };
  const combinations = isJoint ? read(parseCombinations) : undefined;
  const lists = isJoint ? undefined : read(parseCandidates);
  const shown =
    (combinations && showCombinations(asked.sent, combinations, chooseCurrent)) ??
    (lists && showCandidates(asked, lists, chooseCurrent));
  if (!shown) {
    showHint(NO_ANSWER);
    showAlert(UNKNOWN_FORMAT);
    return undefined;
  }
  replaceAnswer(shown.element);
  if (compared?.outcome?.kind === 'failed' && isRefused(compared.outcome)) {
    showAlert(compared.outcome.message, compared.outcome.wait_s);
  }
  showWork([outcome, compared?.outcome], compared?.names ?? []);
  announce(shown.summary);
  return shown;
}

function describeNoAnswer(outcome: Extract<Settled, { kind: 'failed' }> | undefined): string {
  if (!outcome) return 'No answer yet.';
  return isRefused(outcome) ? NO_ANSWER : outcome.message;
}

function showWork(outcomes: readonly (Settled | undefined)[], names: readonly string[]): void {
  const lists = outcomes.flatMap((outcome, i) => {
    if (outcome?.kind !== 'answered') return [];
    const name = names[i];
    const work: Fact[] = describeWork(outcome.headers, outcome.took_ms);
    if (name !== undefined) work.unshift(['Model', name]);
    const terms = work.map(([term, value]) => make('div', {}, make('dt', {}, term), make('dd', {}, value)));
    return [make('dl', { class: 'facts' }, ...terms)];
  });
  facts.replaceChildren(...lists);
  facts.hidden = false;
}

/** Shows a sentence in place of candidates. */
export function showHint(hint: string): void {
  facts.hidden = true;
  replaceAnswer(make('p', { class: 'empty' }, hint));
}

export function focusGap(index: number): void {
  const list = answer.querySelector(`[aria-labelledby~=mask-${index + 1}]`) ?? answer;
  list.querySelector('button')?.focus();
}

/** If the removed content has the focus, its successor in the same list gets it, or else the title. */
function replaceAnswer(element: HTMLElement): void {
  const focused = document.activeElement;
  const list = focused?.closest('#answer .bars');
  const at = buttonsIn(list).findIndex((button) => button === focused);
  answer.replaceChildren(element);
  if (at < 0) return;
  const label = list?.getAttribute('aria-labelledby') ?? '';
  const next = buttonsIn(answer.querySelector(`[aria-labelledby="${label}"]`) ?? answer.querySelector('.bars'));
  (next[at] ?? next.at(-1) ?? title).focus({ preventScroll: true });
}

const buttonsIn = (list: Element | null | undefined): HTMLButtonElement[] =>
  Array.from(list?.querySelectorAll('button') ?? []);
