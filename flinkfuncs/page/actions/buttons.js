// The buttons of what can be done with a job, and of what needs none. They are there for operators alone; one that is
// not possible now is greyed and says why when it is pressed.
import {Abandon, Cancel, Delete, NewJob, PauseUploads, Savepoint, Start, Stop, TestMessage, Update} from './dialogs.js';
import {html, useState} from '../preact.js';
import {useMayAct} from '../session.js';
import {whyNot} from './possible.js';

const OF_A_JOB = [[
  ['update', 'Update', (props) => html`<${Update} ...${props} />`],
  ['go-back', 'Go back to a release', (props) => html`<${Update} back=${true} ...${props} />`],
  ['last-state-update', 'Last-state update', (props) => html`<${Update} action="last-state-update" ...${props} />`],
  ['stateless-update', 'Stateless update', (props) => html`<${Update} action="stateless-update" ...${props} />`],
], [
  ['stop', 'Stop', (props) => html`<${Stop} ...${props} />`],
  ['start', 'Start', (props) => html`<${Start} ...${props} />`],
  ['savepoint', 'Savepoint', (props) => html`<${Savepoint} ...${props} />`],
  ['re-launch', 'Re-launch', (props) => html`<${Start} action="re-launch" ...${props} />`],
], [
  ['pause', 'Pause uploads', (props) => html`<${PauseUploads} paused=${true} ...${props} />`],
  ['resume', 'Resume uploads', (props) => html`<${PauseUploads} paused=${false} ...${props} />`],
  ['abandon', 'Abandon an operation', (props) => html`<${Abandon} ...${props} />`],
], [
  ['cancel', 'Cancel', (props) => html`<${Cancel} ...${props} />`],
  ['delete', 'Delete', (props) => html`<${Delete} ...${props} />`],
]];
const OF_ALL = [[
  ['new-job', 'New job', (props) => html`<${NewJob} ...${props} />`],
  ['test-message', 'Test message', (props) => html`<${TestMessage} ...${props} />`],
]];
const DANGEROUS = ['cancel', 'delete'];

/** `<JobActions job=${what GET /api/jobs/{job} found} />` */
export function JobActions({job}) {
  return html`<${Bar} of=${OF_A_JOB} job=${job} label=${`What can be done with ${job.name}`} />`;
}

/** `<PageActions />`: what needs no job. */
export function PageActions() {
  return html`<${Bar} of=${OF_ALL} label="What can be done" />`;
}

function Bar({of, job, label}) {
  const mayAct = useMayAct();
  const [open, set] = useState(null);
  const [said, say] = useState(null);
  if (!mayAct) return null;
  const press = (name, why) => {
    say(why && {name, why});
    if (!why) set({name, job}); // as it is now: the dialog does not change under somebody's hands
  };
  const dialog = open && of.flat().find(([name]) => name === open.name)[2];
  return html`<div class="actions" role="group" aria-label=${label}>
    ${of.map((group, index) => html`<span key=${index} class="group">${group.map(([name, words]) => {
      const why = job ? whyNot(name, job) : null;
      return html`<button key=${name} data-action=${name} class=${DANGEROUS.includes(name) ? 'danger' : undefined}
        aria-disabled=${why ? 'true' : undefined} title=${why ?? undefined} onClick=${() => press(name, why)}>${words}</button>`;
    })}</span>`)}
    ${said && html`<p class="why-not" role="status" data-of=${said.name}>${said.why}</p>`}
    ${dialog?.({job: open.job, close: () => set(null)})}
  </div>`;
}
