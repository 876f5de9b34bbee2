/** The page: asks while a person types, and shows the answer in the sentence and below it. */
import { clearAlert, offerToAsk, secondsToWait, showAlert } from './alert.ts';
import { askForKey, bindKey, keyHeaders } from './api-key.ts';
import { ask, isRefused, type Outcome, type Settled } from './api.ts';
import { describeSeconds } from './cache-status.ts';
import { bindCode, showCode } from './code.ts';
import { bindCompare } from './compare.ts';
import { copyOnClick } from './copy.ts';
import { Editor } from './editor.ts';
import { announce, byId } from './elements.ts';
import { showExamples } from './examples.ts';
import { onOptions, readOptions, updateOptions, writeOptions } from './form.ts';
import { findGaps, MASK, spellGaps } from './gaps.ts';
import { ASK_KEY, MASK_KEY, onKeys } from './keys.ts';
import { modelPath, otherPath } from './model-path.ts';
import { bindModels, modelNames, pickedModels, pickModels } from './model-picker.ts';
import { parseModels } from './parse-response.ts';
import { bodyOf, findWrongModels, fragmentOf, parseFragment, type Question } from './question.ts';
import { focusGap, setBusy, setStale, showHint, showOutcome } from './results.ts';
import { bindSentence, showSentence } from './sentence.ts';
import { bindSentenceOrder } from './sentence-order.ts';
import { bindTabs } from './tabs.ts';
import { bindTokens } from './tokens.ts';

/** A shorter wait shows no busy indicator. */
const BUSY_AFTER_MS = 250;
/** A pause in typing that asks. */
const DEBOUNCE_MS = 250;

const area = byId('text', HTMLTextAreaElement);
const form = byId('question', HTMLFormElement);
const cancel = byId('cancel', HTMLButtonElement);

const editor = new Editor(area, byId('undo', HTMLButtonElement), () => {
  update();
  schedule();
});
let current: AbortController | undefined;
/** Whether the page asks while a person types: not after the server has asked to wait or for a key. */
let isLive = true;
let timer: ReturnType<typeof setTimeout> | undefined;
/** The last question that was sent, and the one whose answer is on the page, as `identify` gives them. */
let asked = '';
let shown = '';
let best: readonly (string | undefined)[] = [];
/** Shows the answers of two models again, with the names that `/models` has told since. */
let showNames = () => {};

const pause = (ms: number) => new Promise<undefined>((resolve) => setTimeout(resolve, ms));
const typed = () => findGaps(editor.text);
/** The question as the API understands it. */
const read = (): Question => ({ text: spellGaps(typed()).text, ...readOptions(), ...pickedModels() });
/** Equal for questions that have one answer. */
const identify = (question: Question): string => JSON.stringify([modelPath(), otherPath(), bodyOf(question)]);

/** After every change of the text or the options. */
function update(): void {
  updateOptions();
  const question = read();
  const gaps = typed();
  const isStale = identify(question) !== shown;
  // The best words stay in their gaps until the next answer, so that nothing flickers.
  showSentence(gaps, best.length === gaps.masks.length ? best : []);
  setStale(isStale);
  showCode(question);
}

function schedule(): void {
  clearTimeout(timer);
  if (isLive) timer = setTimeout(() => void askNow({ onlyNew: true, pushes: false }), DEBOUNCE_MS);
}

/**
 * @param onlyNew whether a question that is already shown or under way is left alone
 * @param pushes whether the question becomes a new entry in the history of the browser
 */
async function askNow({ onlyNew, pushes }: { onlyNew: boolean; pushes: boolean }): Promise<void> {
  clearTimeout(timer);
  const wait_s = secondsToWait();
  if (wait_s > 0) {
    announce(`Wait ${describeSeconds(wait_s)} before you ask again.`);
    return;
  }
  const question = read();
  const body = bodyOf(question);
  const json = identify(question);
  if (onlyNew && json === asked) return;
  current?.abort();
  current = undefined;
  setBusy(false);
  clearAlert();
  asked = json;
  keepInLink({ ...question, text: editor.text }, pushes);
  const gaps = typed();
  if (gaps.masks.length === 0) {
    best = [];
    shown = json;
    showHint(editor.text.trim() === '' ? 'Type a sentence.' : 'Click a word to hide it.');
    update();
    return;
  }

  const mine = (current = new AbortController());
  const busyTimer = setTimeout(() => mine === current && setBusy(true), BUSY_AFTER_MS);
  const send = (path: string) => ask(`${path}/fill-mask`, body, mine.signal, keyHeaders());
  const show = (outcome: Settled, other?: Settled) => {
    const outcomes = other ? [outcome, other] : [outcome];
    isLive = !outcomes.some(isRefused);
    if (outcomes.some((one) => one.kind === 'failed' && one.status === 401)) askForKey(pushes);
    const compared = question.other === '' ? undefined : { names: modelNames(), outcome: other };
    const answer = showOutcome({ typed: gaps, sent: spellGaps(gaps) }, question.joint, outcome, compared, choose);
    best = answer?.best ?? [];
    shown = json;
    // A failed question is asked again by any change that leads back to it.
    if (!answer || other?.kind === 'failed') {
      asked = '';
      offerToAsk();
    }
    update();
  };

  const second = question.other === '' ? undefined : send(otherPath());
  const outcome = await send(modelPath());
  let other: Outcome | undefined;
  if (second && outcome.kind === 'answered') {
    // Both answers appear at once, so that nothing flickers, unless the second model is slow.
    other = await Promise.race([second, pause(BUSY_AFTER_MS)]);
    if (!other && mine === current) {
      show(outcome);
      other = await second;
    }
  }
  clearTimeout(busyTimer);
  if (mine !== current || outcome.kind === 'cancelled' || other?.kind === 'cancelled') return;
  // Without an answer of the first model, that of the second is not shown.
  mine.abort();
  setBusy(false);
  current = undefined;
  show(outcome, other);
  showNames = () => {
    if (other && shown === json) show(outcome, other);
  };
}

function keepInLink(question: Question, pushes: boolean): void {
  const fragment = fragmentOf(question);
  const isLink = parseFragment(fragment) !== undefined;
  // The browser restores typed text when it comes back. With a link, the link's question must win.
  form.autocomplete = isLink && location.hash !== '' ? 'off' : 'on';
  if (!isLink || fragment === location.hash) return;
  // The question that the page starts with needs no link, and without one there is nothing to go back to.
  if (location.hash === '' && area.value === area.defaultValue && !pushes) return;
  if (pushes && parseFragment(location.hash)) history.pushState(null, '', fragment);
  else history.replaceState(null, '', fragment);
  form.autocomplete = 'off';
}

/** A candidate or a hidden word changes the text and asks at once. */
function choose(text: string, message: string): void {
  editor.replace(text);
  announce(message);
  void askNow({ onlyNew: true, pushes: true });
}

function cancelNow(): void {
  if (!current) return;
  const hadFocus = document.activeElement === cancel;
  current.abort();
  current = undefined;
  asked = '';
  setBusy(false);
  if (hadFocus) area.focus();
  showAlert('Cancelled.');
}

function insertMask(): void {
  editor.insertMask();
  announce(`${MASK} inserted.`);
}

function openLink(): boolean {
  const question = parseFragment(location.hash);
  if (!question) return false;
  selectView('view-fill');
  area.value = question.text;
  pickModels(question);
  const notes = findWrongModels(location.hash).map((name) => `The link asks for “${name}”, which cannot be a model.`);
  if (writeOptions(question)) {
    notes.push(
      'The link asks for certain words and for all gaps together, which exclude each other: the words are kept.',
    );
  }
  update();
  // The same question may be encoded differently in the link: add no entry to the history.
  void askNow({ onlyNew: false, pushes: false });
  if (notes.length > 0) showAlert(notes.join(' '));
  return true;
}

function label(id: string, shortcut: typeof MASK_KEY): HTMLButtonElement {
  const button = byId(id, HTMLButtonElement);
  button.setAttribute('aria-keyshortcuts', shortcut.aria);
  button.querySelector('kbd')?.replaceChildren(shortcut.shown);
  return button;
}

label('insert', MASK_KEY).addEventListener('click', insertMask);
label('ask', ASK_KEY);
byId('text-keys', HTMLParagraphElement).textContent =
  `${MASK_KEY.spoken} inserts [MASK] at the cursor or replaces the selection. ${ASK_KEY.spoken} asks again.`;
form.addEventListener('submit', (event) => {
  event.preventDefault();
  void askNow({ onlyNew: false, pushes: true });
});
cancel.addEventListener('click', cancelNow);
byId('undo', HTMLButtonElement).addEventListener('click', () => {
  if (!editor.undo()) return;
  announce('Undone.');
  editor.restoreFocus();
});
document.querySelector('.skip')?.addEventListener('click', (event) => {
  event.preventDefault(); // The fragment holds the question.
  selectView('view-fill');
  area.focus();
});
copyOnClick(
  byId('share', HTMLButtonElement),
  () => 'Link',
  () => new URL(fragmentOf({ text: editor.text, ...readOptions(), ...pickedModels() }), location.href).href,
);
onKeys({ insertMask, ask: () => void askNow({ onlyNew: false, pushes: true }), cancel: cancelNow });
onOptions(() => {
  update();
  schedule();
});
showExamples((text) => choose(text, 'Example chosen.'));
bindSentence((start, end) => {
  const { text } = editor;
  choose(text.slice(0, start) + MASK + text.slice(end), `“${text.slice(start, end)}” hidden.`);
}, focusGap);
const showModels = bindModels(() => {
  update();
  void askNow({ onlyNew: true, pushes: true });
});
bindCode();
bindKey();
const compare = bindCompare();
const classifyOrder = bindSentenceOrder();
const showTokens = bindTokens();
const selectView = bindTabs(byId('views', HTMLDivElement), (id) => {
  if (id === 'view-compare') compare();
  if (id === 'view-order') classifyOrder();
  if (id === 'view-tokens') showTokens(spellGaps(typed()).text);
});
addEventListener('hashchange', openLink);
// When the browser goes back to this page, it restores the typed text after this script has run.
addEventListener('pageshow', () => {
  update();
  if (editor.text !== opened) schedule();
});
// Place the cursor where a person would continue to type.
area.setSelectionRange(area.value.length, area.value.length);
if (!openLink()) {
  update();
  void askNow({ onlyNew: false, pushes: false });
}
const opened = editor.text;

void ask('/models', undefined, new AbortController().signal).then((outcome) => {
  const models = outcome.kind === 'answered' ? parseModels(outcome.document) : undefined;
  if (!models) return;
  showModels(models);
  showNames();
});
