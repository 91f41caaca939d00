// What a view says while it has nothing newer, or nothing at all yet.
import {html} from './preact.js';
import {Time} from './format.js';

/** `<Stale of=${usePolled(…)} />` */
export function Stale({of: {data, problem, at}}) {
  if (problem) {
    const since = at && html` Last updated <${Time} at=${at} />.`;
    return html`<p class="stale" role="alert">${problem.detail}${since}</p>`;
  }
  return data ? null : html`<p role="status">Loading…</p>`;
}
