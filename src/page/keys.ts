/** Keyboard shortcuts, and their names. */

/** On these, Option with a letter types a character. */
const IS_APPLE = /Mac|iPhone|iPad/.test(navigator.platform);

export const MASK_KEY = IS_APPLE
  ? { shown: '⌃M', spoken: 'Control+M', aria: 'Control+M' }
  : { shown: 'Alt+M', spoken: 'Alt+M', aria: 'Alt+M' };
export const ASK_KEY = IS_APPLE
  ? { shown: '⌘↵', spoken: 'Command+Enter', aria: 'Meta+Enter' }
  : { shown: 'Ctrl+↵', spoken: 'Control+Enter', aria: 'Control+Enter' };

export function onKeys(actions: { insertMask: () => void; ask: () => void; cancel: () => void }): void {
  document.addEventListener('keydown', (event) => {
    if (event.isComposing) return;
    if (isMaskKey(event)) {
      event.preventDefault();
      actions.insertMask();
    } else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.altKey) {
      // On a link, the browser opens a new tab.
      if (event.target instanceof Element && event.target.closest('a[href]')) return;
      event.preventDefault();
      // A held key asks only once.
      if (!event.repeat) actions.ask();
    } else if (event.key === 'Escape') {
      actions.cancel();
    }
  });
}

function isMaskKey(event: KeyboardEvent): boolean {
  const { altKey, ctrlKey, metaKey, shiftKey, key, code } = event;
  // AltGr types characters. Some systems report it as Ctrl+Alt.
  const held = IS_APPLE ? ctrlKey && !altKey : altKey && !ctrlKey;
  if (!held || metaKey || shiftKey || event.getModifierState('AltGraph')) return false;
  // Match the letter, or the position of the key if the layout has no Latin letters.
  return key.toLowerCase() === 'm' || (code === 'KeyM' && !/^[a-z]$/i.test(key));
}
