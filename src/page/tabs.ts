/** Tabs after the ARIA Authoring Practices: Tab reaches the selected one, arrow keys select another. */

/** @param onSelect called with the id of the selected tab @returns selects a tab by its id */
export function bindTabs(list: HTMLElement, onSelect: (id: string) => void): (id: string) => void {
  const tabs = Array.from(list.querySelectorAll<HTMLButtonElement>('[role=tab]'));
  const select = (chosen: HTMLButtonElement) => {
    for (const tab of tabs) {
      const isChosen = tab === chosen;
      tab.setAttribute('aria-selected', String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      const panel = document.getElementById(tab.getAttribute('aria-controls') ?? '');
      if (panel) panel.hidden = !isChosen;
    }
    onSelect(chosen.id);
  };
  for (const [at, tab] of tabs.entries()) {
    tab.addEventListener('click', () => select(tab));
    tab.addEventListener('keydown', (event) => {
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
      const target = to === undefined ? undefined : tabs.at(to % tabs.length);
      if (!target) return;
      event.preventDefault();
      select(target);
      target.focus();
    });
  }
  if (tabs[0]) select(tabs[0]);
  return (id) => {
    const tab = tabs.find((one) => one.id === id);
    if (tab) select(tab);
  };
}
