// Keys of the whole page. They do nothing while somebody types, or while a dialog is open.
import {html, useEffect, useRef} from './preact.js';

const KEYS = [
  ['/', 'Filter the jobs'],
  ['j or ↓', 'Next job'],
  ['k or ↑', 'Previous job'],
  ['Home, End', 'First job, last job'],
  ['Enter', 'Open the job'],
  ['Esc', 'Clear the filter; close a dialog'],
  ['?', 'Show this list'],
];

/** Call `actions[key](event)` when that key is pressed. */
export function useKeys(actions) {
  const newest = useRef(actions);
  newest.current = actions;
  useEffect(() => {
    const pressed = (event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest?.('input, select, textarea, [contenteditable]')) return;
      if (document.querySelector('dialog[open]')) return;
      const action = Object.hasOwn(newest.current, event.key) && newest.current[event.key];
      if (!action) return;
      event.preventDefault();
      action(event);
    };
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  }, []);
}

export function Help({close}) {
  const dialog = useRef(null);
  useEffect(() => dialog.current.showModal(), []);
  return html`<dialog id="help" ref=${dialog} aria-labelledby="help-title" onClose=${close}>
    <h2 id="help-title">Keyboard</h2>
    <dl class="keys">
      ${KEYS.map(([key, does]) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${does}</dd></div>`)}
    </dl>
    <form method="dialog"><button>Close</button></form>
  </dialog>`;
}
