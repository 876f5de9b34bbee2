/** The question in the form as programs, in tabs. */
import { copyOnClick } from './copy.ts';
import { byId } from './elements.ts';
import { bodyOf, type Question } from './question.ts';
import { LANGUAGES, snippet } from './snippets.ts';
import { followTabs } from './tabs.ts';

const URL_OF_API = new URL('/fill-mask', location.href).href;
const panels = LANGUAGES.map((language) => ({ language, panel: byId(`panel-${language}`, HTMLPreElement) }));

export function followCode(): void {
  let chosen = '';
  followTabs(byId('tabs', HTMLDivElement), (id) => (chosen = id.replace('tab-', '')));
  const panel = () => panels.find(({ language }) => language === chosen)?.panel;
  copyOnClick(
    byId('copy', HTMLButtonElement),
    () => document.getElementById(`tab-${chosen}`)?.textContent.trim() ?? '',
    () => panel()?.textContent ?? '',
  );
}

export function showCode(question: Question): void {
  const body = bodyOf(question);
  for (const { language, panel } of panels) panel.textContent = snippet(language, URL_OF_API, body);
}
