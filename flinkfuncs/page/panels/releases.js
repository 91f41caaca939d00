// The releases of a job: which runs, which is wanted, which one can go back to, what came of each, and what two differ in.
import {html, useState} from '../preact.js';
import {Ago, shortId, sizeText} from '../format.js';
import {Id, List, Mark, NotKnown, OperationLink, Panel, breakable} from './parts.js';
import {Status, wordOf} from '../status.js';
import {differences, isStarred} from './spec.js';

const TITLES = ['Release', 'Kept', 'Now', 'Outcome'];
const MOST = 3; // outcomes of a release that are shown at first

/** `found` is {data, problem}. */
export function Releases({job, found: {data, problem}, now}) {
  const releases = data?.releases;
  return html`<${Panel} id="releases" title="Releases" note=${releases?.length ? releases.length : undefined}>
    <${NotKnown} problem=${problem} />
    ${!data && !problem && html`<p role="status">Loading…</p>`}
    ${releases?.length === 0 && html`<p id="no-releases">None yet.</p>`}
    ${releases?.length > 0 && html`
      <${List} id="release-list" titles=${TITLES} rows=${releases.map((one) => rowOf(one, {job, now}))} />
      ${releases.length > 1 && html`<${Difference} releases=${releases} />`}`}
  <//>`;
}

function rowOf(one, {job, now}) {
  const cells = [
    html`<strong>${one.jarName}</strong> <${Id} of=${one.id} what=${`the id of ${one.jarName}`} /> ${sizeText(one.sizeBytes)}`,
    one.keptAt && html`<${Ago} at=${one.keptAt} now=${now} />`,
    html`${one.running && html`<${Mark} kind="good">runs<//> `}${one.wanted && html`<${Mark}>wanted<//> `}${one.available
      ? html`<${Mark} title="Its bytes are kept: the job can go back to it.">available<//>`
      : html`<${Mark} kind="warn" title="Its bytes are not kept any more.">no longer kept<//>`}`,
    html`<${Outcomes} job=${job} operations=${one.operations} now=${now} />`,
  ];
  return {key: one.id, id: `release-${shortId(one.id)}`, 'data-release': one.id, cells};
}

function Outcomes({job, operations, now}) {
  if (!operations.length) return 'no operation on record';
  const [shown, rest] = [operations.slice(0, MOST), operations.length - MOST];
  return html`<ul class="outcomes">
    ${shown.map((one) => html`<li key=${one.id}><${Status} of=${one.outcome ?? 'OPEN'} />${' '}
      <${OperationLink} job=${job} id=${one.id}>${wordOf(one.action)}<//>${' '}
      ${one.endedAt && html`<${Ago} at=${one.endedAt} now=${now} />`}${one.reason && `: ${one.reason}`}</li>`)}
    ${rest > 0 && html`<li>and ${rest} more</li>`}
  </ul>`;
}

/** At first: what the one that runs, or else the newest one, changed. */
function Difference({releases}) {
  const [chosen, choose] = useState({});
  const young = releases.find(({id}) => id === chosen.after) ?? releases.find(({running}) => running) ?? releases[0];
  const old = releases.find(({id}) => id === chosen.before) ?? releases[releases.indexOf(young) + 1] ?? releases.find((one) => one !== young);
  const found = differences(old, young);
  const starred = isStarred(old) && isStarred(young);
  return html`<div id="difference">
    <h3>Compare two releases</h3>
    <p class="choose">
      <label>From <${Choice} id="diff-before" releases=${releases} value=${old.id} choose=${(before) => choose({...chosen, before})} /></label>
      <label>to <${Choice} id="diff-after" releases=${releases} value=${young.id} choose=${(after) => choose({...chosen, after})} /></label>
    </p>
    ${old.id === young.id
      ? html`<p id="same">Both are the same release.</p>`
      : html`
        ${found.length > 0 && html`<${List} id="diff-list" titles=${['Field', 'Before', 'After']}
          rows=${found.map(({field, title, before, after}) => ({
            key: field,
            'data-field': field,
            cells: [breakable(title), before === undefined ? html`<em>not set</em>` : html`<code class="before">${before}</code>`, after === undefined ? html`<em>not set</em>` : html`<code class="after">${after}</code>`],
          }))} />`}
        ${found.length === 0 && html`<p id="no-difference">${starred ? 'They differ in a hidden value (******) only.' : 'No difference is known.'}</p>`}
        ${starred && found.length > 0 && html`<p id="starred" class="note">Hidden values (******) may differ as well.</p>`}`}
  </div>`;
}

function Choice({id, releases, value, choose}) {
  return html`<select id=${id} value=${value} onChange=${(event) => choose(event.target.value)}>
    ${releases.map((one) => html`<option key=${one.id} value=${one.id}>${one.jarName} ${shortId(one.id)}${one.running ? ' (runs)' : ''}</option>`)}
  </select>`;
}
