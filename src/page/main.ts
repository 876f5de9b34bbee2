/** The page: sends the question in the form to the API and shows the answer. */
import { clearAlert, secondsToWait, showAlert } from './alert.ts';
import { askForKey, bindKey, keyHeaders } from './api-key.ts';
import { parseInfo } from './parse-response.ts';
import { ask } from './api.ts';
import { bindCode, showCode } from './code.ts';
import { copyOnClick } from './copy.ts';
import { Editor } from './editor.ts';
import { announce, byId, make } from './elements.ts';
import { showExamples } from './examples.ts';
import { findConflict, updateOptions, onOptions, readOptions, writeOptions } from './form.ts';
import { ASK_KEY, MASK_KEY, onKeys } from './keys.ts';
import { describeSeconds } from './cache-status.ts';
import { bodyOf, fragmentOf, parseFragment, type Question } from './question.ts';
import { setBusy, showOutcome } from './results.ts';
import { bindTokens, showTokens } from './show-tokens.ts';
import type { ResultView } from './result-view.ts';

/** A shorter wait shows no busy indicator. */
const BUSY_AFTER_MS = 250;

const area = byId('text', HTMLTextAreaElement);
const form = byId('question', HTMLFormElement);
const cancel = byId('cancel', HTMLButtonElement);

const editor = new Editor(area, byId('undo', HTMLButtonElement), update);
let view: ResultView | undefined;
let current: AbortController | undefined;

const read = (): Question => ({ text: editor.text, ...readOptions() });
/** The question for the code and the link: filling in a candidate does not change it. */
const toShare = (): Question => ({ text: view?.asked ?? editor.text, ...readOptions() });

function update(): void {
  const resolved = updateOptions();
  if (resolved !== undefined) clearAlert(resolved);
  view?.update();
  showCode(toShare());
}

/** @param pushes whether the question becomes a new entry in the history of the browser */
async function askNow(pushes = true): Promise<void> {
  const wait_s = secondsToWait();
  if (wait_s > 0) {
    announce(`Wait ${describeSeconds(wait_s)} before you ask again.`);
    return;
  }
  clearAlert();
  const conflict = findConflict();
  if (conflict !== undefined) {
    showAlert(conflict);
    return;
  }
  const question = read();
  const fragment = fragmentOf(question);
  const isLink = parseFragment(fragment) !== undefined;
  // The browser restores typed text when it comes back. With a link, the link's question must win.
  form.autocomplete = isLink ? 'off' : 'on';
  if (isLink && fragment !== location.hash) {
    // Without a question before this one, there is nothing to go back to.
    if (pushes && parseFragment(location.hash)) history.pushState(null, '', fragment);
    else history.replaceState(null, '', fragment);
  }

  // A new question aborts the one before it.
  current?.abort();
  const mine = (current = new AbortController());
  const timer = setTimeout(() => setBusy(true), BUSY_AFTER_MS);
  showTokens(question.text);
  const outcome = await ask('/fill-mask', bodyOf(question), mine.signal, keyHeaders());
  clearTimeout(timer);
  if (mine !== current) return;
  setBusy(false);
  current = undefined;
  view = showOutcome(question, outcome, editor);
  if (outcome.kind === 'failed' && outcome.needs_key) askForKey();
  update();
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
  announce('[MASK] inserted.');
}

function openLink(): boolean {
  const question = parseFragment(location.hash);
  if (!question) return false;
  area.value = question.text;
  writeOptions(question);
  update();
  // The same question may be encoded differently in the link: add no entry to the history.
  void askNow(false);
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
  `${MASK_KEY.spoken} inserts [MASK] at the cursor or replaces the selection. ${ASK_KEY.spoken} asks.`;
form.addEventListener('submit', (event) => {
  event.preventDefault();
  void askNow();
});
cancel.addEventListener('click', cancelNow);
byId('undo', HTMLButtonElement).addEventListener('click', () => {
  if (!editor.undo()) return;
  announce('Undone.');
  editor.restoreFocus();
});
document.querySelector('.skip')?.addEventListener('click', (event) => {
  event.preventDefault(); // The fragment holds the question.
  area.focus();
});
copyOnClick(
  byId('share', HTMLButtonElement),
  () => 'Link',
  () => new URL(fragmentOf(toShare()), location.href).href,
);
onKeys({ insertMask, ask: () => void askNow(), cancel: cancelNow });
onOptions(update);
showExamples((text) => {
  editor.replace(text);
  void askNow();
});
bindCode();
bindKey();
bindTokens(() => editor.text);
addEventListener('hashchange', openLink);
// When the browser goes back to this page, it restores the typed text after this script has run.
addEventListener('pageshow', update);
// Place the cursor where a person would continue to type.
area.setSelectionRange(area.value.length, area.value.length);
if (!openLink()) update();

void ask('/info', undefined, new AbortController().signal).then((outcome) => {
  const info = outcome.kind === 'answered' ? parseInfo(outcome.document) : undefined;
  if (!info) return;
  const model = byId('model', HTMLSpanElement);
  model.replaceChildren(
    'The model is ',
    make('strong', {}, info.model),
    '; its mask token is ',
    make('code', {}, info.mask_token),
    '.',
  );
  model.hidden = false;
});
