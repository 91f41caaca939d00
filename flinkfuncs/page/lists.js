// What waits or runs, and what became of uploads: of all jobs.
import {html} from './preact.js';
import {usePolled} from './live.js';
import {Ago, Time, useNow} from './format.js';
import {linkTo} from './router.js';
import {Stale} from './stale.js';
import {Status, wordOf} from './status.js';
import {byText, stepText} from './words.js';

export function AllOperations() {
  const polled = usePolled('/api/operations?state=open', {all: 'operations'});
  const now = useNow();
  const operations = polled.data?.operations;
  return html`<h1>Operations</h1>
    <${Stale} of=${polled} />
    ${operations?.length === 0 && html`<p id="no-operations">Nothing is waiting or under way.</p>`}
    ${operations?.length > 0 && html`<table id="operations" class="list" role="table">
      <thead role="rowgroup"><tr role="row">
        ${['State', 'Job', 'Operation', 'Progress', 'Requested'].map((title) => html`<th scope="col" role="columnheader">${title}</th>`)}
      </tr></thead>
      <tbody role="rowgroup">
        ${operations.map((one) => html`<tr key=${one.id} role="row" data-operation=${one.id}>
          <td role="cell" data-label="State"><${Status} of=${stateOf(one)} why=${one.message} /></td>
          <td role="cell" data-label="Job"><a href=${linkTo('jobs', one.job)}>${one.job}</a></td>
          <td role="cell" data-label="Operation">
            <a href=${linkTo('jobs', one.job, 'operations', one.id)}>${wordOf(one.request.action)}</a>,
            ${byText(one.cause.kind)}
          </td>
          <td role="cell" data-label="Progress">${one.heldUntil
            ? html`held until <${Time} at=${one.heldUntil} /> (<${Ago} at=${one.heldUntil} now=${now} />)`
            : one.message ?? (one.step ? stepText(one.step) : '–')}</td>
          <td role="cell" data-label="Requested"><${Ago} at=${one.requestedAt} now=${now} /></td>
        </tr>`)}
      </tbody>
    </table>`}`;
}

function stateOf(operation) {
  if (operation.heldUntil) return 'HELD';
  return operation.drivenAt ? 'OPEN' : 'WAITING';
}

export function Uploads({query}) {
  const outcome = query.get('outcome');
  const polled = usePolled(outcome ? `/api/uploads?outcome=${encodeURIComponent(outcome)}` : '/api/uploads');
  const now = useNow();
  const uploads = polled.data?.uploads;
  const choices = [[null, 'All'], ['REFUSED', 'Refused']];
  return html`<h1>Uploads</h1>
    <p class="choices">${choices.map(([of, title]) => html`<a key=${title} href=${of ? `#/uploads?outcome=${of}` : '#/uploads'}
      aria-current=${outcome === of ? 'true' : undefined}>${title}</a>`)}</p>
    <${Stale} of=${polled} />
    ${uploads?.length === 0 && html`<p id="no-uploads">${outcome ? 'None was refused.' : 'None yet.'}</p>`}
    ${uploads?.length > 0 && html`<table id="uploads" class="list" role="table">
      <thead role="rowgroup"><tr role="row">
        ${['Outcome', 'Job', 'File', 'Uploaded', 'Message'].map((title) => html`<th scope="col" role="columnheader">${title}</th>`)}
      </tr></thead>
      <tbody role="rowgroup">
        ${uploads.map((one) => html`<tr key=${one.operation ?? `${one.blob} ${one.at}`} role="row">
          <td role="cell" data-label="Outcome"><${Status} of=${one.outcome ?? one.state.toUpperCase()} /></td>
          <td role="cell" data-label="Job">${one.job ? html`<a href=${linkTo('jobs', one.job)}>${one.job}</a>` : '–'}</td>
          <td role="cell" data-label="File">${one.job && one.operation
            ? html`<a href=${linkTo('jobs', one.job, 'operations', one.operation)}>${one.blob}</a>`
            : one.blob}</td>
          <td role="cell" data-label="Uploaded"><${Ago} at=${one.at} now=${now} /></td>
          <td role="cell" data-label="Message" class="long">${one.message || '–'}</td>
        </tr>`)}
      </tbody>
    </table>`}`;
}
