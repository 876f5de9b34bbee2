/** The page: a question goes from the form to the API, and the answer onto the page. */
import { clearAlert, secondsToWait, showAlert } from './alert.ts';
import { parseInfo } from './parse-response.ts';
import { ask } from './api.ts';
import { followCode, showCode } from './code.ts';
import { copyOnClick } from './copy.ts';
import { Editor } from './editor.ts';
import { announce, byId, make } from './elements.ts';
import { showExamples } from './examples.ts';
import { conflict, followOptions, onOptions, readOptions, writeOptions } from './form.ts';
import { ASK_KEY, MASK_KEY, onKeys } from './keys.ts';
import { describeSeconds } from './cache-status.ts';
import { bodyOf, fragmentOf, parseFragment, type Question } from './question.ts';
import { setBusy, showOutcome } from './results.ts';
import { followTokens, tokensOf } from './show-tokens.ts';
import type { Shown } from './result-view.ts';

/** What takes less than this needs no sign that it is under way. */
const BUSY_AFTER_MS = 250;

const area = byId('text', HTMLTextAreaElement);
const form = byId('question', HTMLFormElement);
const cancel = byId('cancel', HTMLButtonElement);

const editor = new Editor(area, byId('undo', HTMLButtonElement), follow);
let shown: Shown | undefined;
let current: AbortController | undefined;

const read = (): Question => ({ text: editor.text, ...readOptions() });
/** What code and link are of: a word that was chosen from an answer makes no other question. */
const toShare = (): Question => ({ text: shown?.asked ?? editor.text, ...readOptions() });

function follow(): void {
  const resolved = followOptions();
  if (resolved !== undefined) clearAlert(resolved);
  shown?.follow();
  showCode(toShare());
}

/** @param remember whether one can go back from it to the question before */
async function askNow(remember = true): Promise<void> {
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
  const isLink = parseFragment(fragment) !== undefined;
  // What is in the link comes from there: a browser that comes back puts back what was typed only where there is none.
  form.autocomplete = isLink ? 'off' : 'on';
  if (isLink && fragment !== location.hash) {
    // A step back to no question would lead nowhere.
    if (remember && parseFragment(location.hash)) history.pushState(null, '', fragment);
    else history.replaceState(null, '', fragment);
  }

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
  shown = showOutcome(question, outcome, editor);
  follow();
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
  // Its fragment may be written otherwise than here, and is the same question.
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
  `${MASK_KEY.spoken} puts [MASK] at the cursor or in place of the selection. ${ASK_KEY.spoken} asks.`;
form.addEventListener('submit', (event) => {
  event.preventDefault();
  void askNow();
});
cancel.addEventListener('click', cancelNow);
byId('undo', HTMLButtonElement).addEventListener('click', () => {
  if (!editor.undo()) return;
  announce('Taken back.');
  editor.focusIfLost();
});
document.querySelector('.skip')?.addEventListener('click', (event) => {
  event.preventDefault(); // The fragment is the question's.
  area.focus();
});
copyOnClick(
  byId('share', HTMLButtonElement),
  () => 'Link',
  () => new URL(fragmentOf(toShare()), location.href).href,
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
// A browser that goes back to this page puts back what was typed, after this script ran.
addEventListener('pageshow', follow);
// Where one would go on writing.
area.setSelectionRange(area.value.length, area.value.length);
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
