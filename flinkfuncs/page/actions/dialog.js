// What every dialog of an action has: it says what will happen, takes a reason, shows the same call for a shell, sends
// once, and says what became of it.
import {Problem, newKey, post} from '../api.js';
import {commandOf, curlOf} from './calls.js';
import {html, useEffect, useRef, useState} from '../preact.js';
import {go, linkTo} from '../router.js';
import {refreshAll} from '../live.js';

/** A native dialog, open as long as it is rendered. The element with data-first has the focus when it opens. */
export function Dialog({id, title, close, children}) {
  const dialog = useRef(null);
  useEffect(() => {
    dialog.current.showModal();
    dialog.current.querySelector('[data-first]')?.focus();
  }, []);
  return html`<dialog id=${id} class="action" ref=${dialog} aria-labelledby=${`${id}-title`} onClose=${close}>
    <h2 id=${`${id}-title`}>${title}</h2>${children}
  </dialog>`;
}

/**
 * A POST that is sent once, however often it is tried: {send, busy, problem, unheard}. Its key is made when the dialog
 * opens. While nobody knows whether the call arrived (`unheard`), `send` sends the very same again; after a refusal the
 * next one is another call.
 */
export function useCall(path, done) {
  const [state, set] = useState(() => ({key: newKey(), busy: false}));
  const send = async (body) => {
    const sent = state.unheard ?? body;
    set({...state, busy: true, problem: undefined});
    try {
      done((await post(path, sent, {key: state.key})).data);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      const unheard = problem.status === 0 || problem.status === 429 || problem.status >= 500;
      set({key: unheard ? state.key : newKey(), busy: false, problem, unheard: unheard ? sent : undefined});
    }
  };
  return {...state, send};
}

/** Show the operation that was asked for, and follow it. */
export function follow(operation) {
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close();
  refreshAll();
  go(linkTo('jobs', operation.job, 'operations', operation.id));
}

/** `<Refusal of=${problem} />`: a problem of the API with its code. */
export function Refusal({of: problem, unheard}) {
  if (!problem) return null;
  const again = unheard && ' No answer came, so the request may have arrived. Try again sends the same request, which is carried out once.';
  return html`<p class="refusal" role="alert" data-code=${problem.code}><code>${problem.code}</code> ${problem.detail}${again}</p>`;
}

/** `<Reason value=… set=… />`: why, in a line for the history. */
export function Reason({value, set}) {
  return html`<label class="field">Reason (kept in the history)
    <input name="reason" maxlength="500" autocomplete="off" value=${value} onInput=${(event) => set(event.target.value)} /></label>`;
}

/** `<SecondStep job=… />`: what cannot be taken back asks for the job's name. */
export function SecondStep({job, typed, set}) {
  return html`<label class="field">To confirm, type the job’s name: <strong>${job}</strong>
    <input name="confirm" autocomplete="off" spellcheck="false" value=${typed} onInput=${(event) => set(event.target.value)} /></label>`;
}

/** The call for a shell. */
export function Calls({requests, command}) {
  return html`<details class="calls"><summary>The same call from a shell</summary>
    <${Copied} title="curl" name="curl" text=${curlOf(requests)} />
    <${Copied} title="Command line" name="command" text=${commandOf(command)} />
  </details>`;
}

function Copied({title, name, text}) {
  const [copied, set] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    set(true);
  };
  return html`<h3>${title} <button type="button" aria-label=${`Copy ${title}`} onClick=${copy}>${copied ? 'Copied' : 'Copy'}</button></h3>
    <pre tabindex="0" data-call=${name}>${text}</pre>`;
}

/**
 * The two buttons at a dialog's end; of what is dangerous, the safe one has the focus. A button that does nothing now
 * stays one that can have the focus: the form's `onSubmit` knows.
 */
export function Buttons({act, safe = 'Close', danger = false, disabled, why, busy, unheard, form}) {
  const button = useRef(null);
  useEffect(() => {
    const isNowhere = [document.body, button.current.closest('dialog')].includes(document.activeElement);
    if (!busy && isNowhere) button.current.focus(); // the field that had the focus was off while the call was under way
  }, [busy]);
  const close = (event) => event.target.closest('dialog').close();
  return html`<div class="buttons">
    ${why && html`<p class="why" id=${`${form}-why`}>${why}</p>`}
    <button type="button" data-safe data-first=${danger ? true : undefined} onClick=${close}>${safe}</button>
    <button type="submit" form=${form} class=${danger ? 'act danger' : 'act'} ref=${button}
      aria-disabled=${busy || (disabled && !unheard) ? 'true' : undefined}
      aria-describedby=${why ? `${form}-why` : undefined}>${busy ? 'Sending…' : unheard ? 'Try again' : act}</button>
  </div>`;
}
