/** Shows the question as code, in tabs. */
import { addressOf } from './address.ts';
import { needsKey } from './api-key.ts';
import { copyOnClick } from './copy.ts';
import { byId } from './elements.ts';
import { modelPath } from './model-path.ts';
import { bodyOf, type Question } from './question.ts';
import { LANGUAGES, snippet } from './snippets.ts';
import { bindTabs } from './tabs.ts';

const panels = LANGUAGES.map((language) => ({ language, panel: byId(`panel-${language}`, HTMLPreElement) }));

export function bindCode(): void {
  let chosen = '';
  bindTabs(byId('tabs', HTMLDivElement), (id) => (chosen = id.replace('tab-', '')));
  const panel = () => panels.find(({ language }) => language === chosen)?.panel;
  copyOnClick(
    byId('copy', HTMLButtonElement),
    () => document.getElementById(`tab-${chosen}`)?.textContent.trim() ?? '',
    () => panel()?.textContent ?? '',
  );
}

export function showCode(question: Question): void {
  const body = bodyOf(question);
  const url = addressOf(`${modelPath()}/fill-mask`);
  for (const { language, panel } of panels) panel.textContent = snippet(language, url, body, needsKey());
}
