// How a status or an outcome is shown: by a shape, a word and a colour, so that none of them is needed alone.
//
//   tone      shape                statuses                                   outcomes
//   good      disc                 RUNNING                                    SUCCEEDED
//   busy      ring, partly drawn   STARTING CANCELLING … and open operations
//   warn      triangle             RESTARTING                                 ROLLED_BACK UNPROVEN REFUSED
//   bad       cross in an octagon  FAILED VANISHED                            FAILED
//   unknown   question mark        UNKNOWN MAY_APPEAR                         UNKNOWN
//   off       square               STOPPED FINISHED CANCELED NONE …           SUPERSEDED ABANDONED
//   other     diamond              the service's own words
import {html} from './preact.js';

const TONES = {
  RUNNING: 'good',
  SUCCEEDED: 'good',
  STARTING: 'busy',
  CANCELLING: 'busy',
  SUBMITTING: 'busy',
  STOPPING: 'busy',
  UPDATING: 'busy',
  OPEN: 'busy',
  WAITING: 'off',
  HELD: 'off',
  RESTARTING: 'warn',
  ROLLED_BACK: 'warn',
  UNPROVEN: 'warn',
  REFUSED: 'warn',
  FAILED: 'bad',
  VANISHED: 'bad',
  UNKNOWN: 'unknown',
  MAY_APPEAR: 'unknown',
  STOPPED: 'off',
  FINISHED: 'off',
  CANCELED: 'off',
  CANCELLED: 'off',
  NONE: 'off',
  NEVER_STARTED: 'off',
  DELETED: 'off',
  SUPERSEDED: 'off',
  ABANDONED: 'off',
};
const WORDS = {
  NONE: 'Never ran',
  MAY_APPEAR: 'May appear',
  NEVER_STARTED: 'Never started',
  ROLLED_BACK: 'Rolled back',
};
const SHAPES = {
  good: () => html`<circle cx="8" cy="8" r="6" fill="currentColor" />`,
  busy: () => html`<path d="M8 2a6 6 0 1 1-6 6" fill="none" stroke="currentColor" stroke-width="3" />`,
  warn: () => html`<path d="M8 1.5 15 14H1z" fill="currentColor" />`,
  bad: () => html`<path fill-rule="evenodd" fill="currentColor"
    d="M5 1h6l4 4v6l-4 4H5l-4-4V5zM4.2 5.6 6.6 8l-2.4 2.4 1.4 1.4L8 9.4l2.4 2.4 1.4-1.4L9.4 8l2.4-2.4-1.4-1.4L8 6.6 5.6 4.2z" />`,
  unknown: () => html`<circle cx="8" cy="8" r="6.5" fill="none" stroke="currentColor" stroke-dasharray="3 2" />
    <path d="M6 6.3a2 2 0 1 1 2.6 1.9q-.6.2-.6 1.1M8 11v1.4" fill="none" stroke="currentColor" stroke-width="1.5" />`,
  off: () => html`<rect x="3" y="3" width="10" height="10" fill="none" stroke="currentColor" stroke-width="2" />`,
  other: () => html`<path d="M8 1.5 14.5 8 8 14.5 1.5 8z" fill="none" stroke="currentColor" stroke-width="2" />`,
};
const WORST_FIRST = ['bad', 'warn', 'unknown', 'busy', 'other', 'good', 'off'];

/** The tone of a status or an outcome; a word that is not known here is `other`, and never `bad`. */
export function toneOf(word) {
  return TONES[word] ?? 'other';
}

/** Whether a status will soon be another one. */
export function isBusy(status) {
  return TONES[status] === 'busy' || status === 'RESTARTING';
}

/** The word for people: ROLLED_BACK is "Rolled back". */
export function wordOf(word) {
  if (WORDS[word]) return WORDS[word];
  const spaced = String(word).replaceAll('_', ' ').toLowerCase();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

/** What to sort by: the worst is the smallest. */
export function rankOf(word) {
  return WORST_FIRST.indexOf(toneOf(word));
}

/** The worst tone of several statuses; `off` where there is none. */
export function worstOf(words) {
  return WORST_FIRST[Math.min(...words.map(rankOf), WORST_FIRST.length - 1)];
}

/** The shape of a tone, without a word. */
export function Shape({tone}) {
  return html`<svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">${SHAPES[tone]()}</svg>`;
}

/** `<Status of="RUNNING" />`; `why` is shown with it (a cluster that did not answer). */
export function Status({of, why}) {
  const tone = toneOf(of);
  return html`<span class="status ${tone}" data-status=${of} title=${why}>
    <${Shape} tone=${tone} />
    <span>${wordOf(of)}</span>
  </span>`;
}
