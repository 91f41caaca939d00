// A job: its panels, put together.
import {JobActions} from './actions/buttons.js';
import {html} from './preact.js';
import {usePolled} from './live.js';
import {Status} from './status.js';

export function JobPage({job}) {
  const {data, problem} = usePolled(`/api/jobs/${encodeURIComponent(job)}`);
  if (problem && !data) return html`<p role="alert">${problem.detail}</p>`;
  if (!data) return html`<p>Loading…</p>`;
  return html`<h1>${data.name}</h1><p><${Status} of=${data.status} why=${data.statusReason} /></p>
    <${JobActions} job=${data} />`;
}
