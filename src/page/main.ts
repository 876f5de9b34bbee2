/** The page: a question goes from the form to the API, and the answer onto the page. */
import { findMasks } from '../tokenizer/masks.ts';
import { clearAlert, secondsToWait, showAlert } from './alert.ts';
import { parseCandidates, parseCombinations, parseInfo } from './answer.ts';
import { ask, type Outcome } from './api.ts';
import { followCode, showCode } from './code.ts';
import { copyOnClick } from './copy.ts';
import { Editor } from './editor.ts';
import { announce, byId, make } from './elements.ts';
import { showExamples } from './examples.ts';
import { conflict, followOptions, onOptions, readOptions, writeOptions } from './form.ts';
import { ASK_KEY, MASK_KEY, onKeys } from './keys.ts';
import { describeSeconds, describeWork } from './memory.ts';
import { bodyOf, fragmentOf, parseFragment, type Question } from './question.ts';
import { showCandidates } from './show-candidates.ts';
import { showCombinations } from './show-combinations.ts';
import { followTokens, tokensOf } from './show-tokens.ts';
import { Shown } from './shown.ts';

/** What takes less than this needs no sign that it is under way. */
const BUSY_AFTER_MS = 250;

const area = byId('text', HTMLTextAreaElement);
const results = byId('results', HTMLElement);
const answer = byId('answer', HTMLDivElement);
const memory = byId('memory', HTMLDListElement);
const busy = byId('busy', HTMLParagraphElement);
const cancel = byId('cancel', HTMLButtonElement);
const stale = byId('stale', HTMLParagraphElement);

const editor = new Editor(area, byId('undo', HTMLButtonElement), follow);
let shown: Shown | undefined;
let current: AbortController | undefined;

const read = (): Question => ({ text: editor.text, ...readOptions() });

function follow(): void {
  followOptions();
  shown?.follow();
  showCode(read());
}

async function askNow(): Promise<void> {
  const wait_s = secondsToWait();
  if (wait_s > 0) {
    announce(`Wait ${describeSeconds(wait_s)} before you ask again.`);
    return;
  }
  clearAlert();
  const wrong = conflict();
  if (wrong !== undefined) {
    showAlert(wrong);
    return;
  }
  const question = read();
  const fragment = fragmentOf(question);
  if (fragment !== location.hash) history.pushState(null, '', fragment);

  // A new question cancels the one before it, whose answer is then nobody's.
  current?.abort();
  const mine = (current = new AbortController());
  const timer = setTimeout(() => setBusy(true), BUSY_AFTER_MS);
  tokensOf(question.text);
  const outcome = await ask('/fill-mask', bodyOf(question), mine.signal);
  clearTimeout(timer);
  if (mine !== current) return;
  setBusy(false);
  current = undefined;
  show(question, outcome);
}

function setBusy(isBusy: boolean): void {
  results.setAttribute('aria-busy', String(isBusy));
  busy.hidden = !isBusy;
  cancel.hidden = !isBusy;
  if (isBusy) announce('Waiting for the answer.');
}

function show(question: Question, outcome: Outcome): void {
  if (outcome.kind === 'cancelled') return;
  if (outcome.kind === 'refused') {
    showNothing('No answer to this question.');
    showAlert(outcome.sentence, outcome.wait_s);
    return;
  }
  const masked = findMasks(question.text);
  const next = new Shown(masked, editor);
  const masks = masked.masks.length;
  const combinations = question.joint ? parseCombinations(outcome.document, masks) : undefined;
  const lists = question.joint ? undefined : parseCandidates(outcome.document, masks);
  const made =
    (combinations && showCombinations(masked, combinations, next.chooseAll)) ??
    (lists && showCandidates(masked, lists, next.choose));
  if (!made) {
    showNothing('No answer to this question.');
    showAlert('The server answered in a form that is not known here. Is this address really the API?');
    return;
  }
  shown = next;
  answer.replaceChildren(made.element);
  next.answer = made;
  const facts = describeWork(outcome.headers, outcome.took_ms);
  memory.replaceChildren(...facts.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value))));
  memory.hidden = false;
  announce(`${made.summary} ${facts[0]?.join(': ') ?? ''}.`);
}

function showNothing(why: string): void {
  shown = undefined;
  memory.hidden = true;
  stale.hidden = true;
  answer.replaceChildren(make('p', { class: 'empty' }, why));
}

function cancelNow(): void {
  if (!current) return;
  const hadFocus = document.activeElement === cancel;
  current.abort();
  current = undefined;
  setBusy(false);
  if (hadFocus) area.focus();
  announce('Cancelled.');
}

function insertMask(): void {
  editor.insertMask();
  announce('[MASK] put into the text.');
}

function openLink(): boolean {
  const question = parseFragment(location.hash);
  if (!question) return false;
  area.value = question.text;
  writeOptions(question);
  follow();
  void askNow();
  return true;
}

function label(id: string, key: typeof MASK_KEY): HTMLButtonElement {
  const button = byId(id, HTMLButtonElement);
  button.setAttribute('aria-keyshortcuts', key.aria);
  button.querySelector('kbd')?.replaceChildren(key.shown);
  return button;
}

label('insert', MASK_KEY).addEventListener('click', insertMask);
label('ask', ASK_KEY);
byId('text-keys', HTMLParagraphElement).textContent =
  `${MASK_KEY.spoken} puts [MASK] at the cursor or in place of the selection. ${ASK_KEY.spoken} asks.`;
byId('question', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  void askNow();
});
cancel.addEventListener('click', cancelNow);
byId('undo', HTMLButtonElement).addEventListener('click', () => {
  if (editor.undo()) announce('Taken back.');
});
document.querySelector('.skip')?.addEventListener('click', (event) => {
  event.preventDefault(); // The fragment is the question's.
  area.focus();
});
copyOnClick(
  byId('share', HTMLButtonElement),
  () => 'Link',
  () => new URL(fragmentOf(read()), location.href).href,
);
onKeys({ insertMask, ask: () => void askNow(), cancel: cancelNow });
onOptions(follow);
showExamples((text) => {
  editor.replace(text);
  void askNow();
});
followCode();
followTokens(() => editor.text);
addEventListener('hashchange', openLink);
if (!openLink()) follow();

void ask('/info', undefined, new AbortController().signal).then((outcome) => {
  const info = outcome.kind === 'answered' ? parseInfo(outcome.document) : undefined;
  if (!info) return;
  const model = byId('model', HTMLSpanElement);
  model.replaceChildren(
    'It is ',
    make('strong', {}, info.model),
    ', whose mask token is ',
    make('code', {}, info.mask_token),
    '.',
  );
  model.hidden = false;
});
