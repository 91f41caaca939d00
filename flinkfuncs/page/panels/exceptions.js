// Why a job failed, as Flink has it: of the run that is there now, or was there last, and of the one before it.
import {html} from '../preact.js';
import {shortId} from '../format.js';
import {Id, Mark, NotKnown, Panel, When} from './parts.js';
import {wordOf} from '../status.js';

const BLAMES = {
  RELEASE: undefined,
  CLUSTER: 'the cluster’s doing',
  SLOTS: 'no slots: nothing of it ran',
};

/** `found` is {data, problem}. */
export function Exceptions({found: {data, problem}, now}) {
  const copies = data?.copies;
  const count = copies?.reduce((sum, copy) => sum + copy.exceptions.length, 0);
  return html`<${Panel} id="exceptions" title="Exceptions" note=${count ? count : undefined}>
    <${NotKnown} problem=${problem} />
    ${!data && !problem && html`<p role="status">Loading…</p>`}
    ${copies?.length === 0 && html`<p id="no-runs">There are no exceptions for a job that never ran, or for a job of the ARM API. Its operations say why they failed.</p>`}
    ${copies?.map((copy, index) => html`<${Copy} key=${copy.flinkJobId} copy=${copy} current=${index === 0} now=${now} />`)}
  <//>`;
}

function Copy({copy, current, now}) {
  const {exceptions, forgotten, unknown, ended} = copy;
  return html`<div class="exceptions-of" data-run=${copy.flinkJobId}>
    <h3>${current ? 'The current or last run' : 'The previous run'}: <${Id} of=${copy.flinkJobId} what="the Flink job id" />
      ${copy.releaseId && html` <span class="note">release ${shortId(copy.releaseId)}</span>`}
      ${ended && html` <span class="note">${wordOf(ended)}</span>`}</h3>
    ${unknown && html`<${NotKnown} problem=${unknown} />`}
    ${ended === 'NEVER_STARTED'
      ? html`<p>It never started, so Flink has no exceptions. Its operation says why.</p>`
      : forgotten && html`<p>Flink has no record of this run: it forgets runs some time after they have ended, and all runs when its JobManager is replaced.</p>`}
    ${!forgotten && !unknown && exceptions.length === 0 && html`<p>Flink has no exceptions.</p>`}
    <ol class="exceptions">
      ${exceptions.map((one, index) => html`<li key=${index}>
        <p class="root-cause">${index === 0 && html`<${Mark} kind="bad">newest<//> `}<strong>${one.cause}</strong></p>
        <p class="note"><${When} at=${one.at} now=${now} />${one.task && `, in ${one.task}`}${one.endpoint && ` at ${one.endpoint}`}
          ${BLAMES[one.blames] && html` <${Mark}>${BLAMES[one.blames]}<//>`}</p>
        <details><summary>Stack</summary><pre tabindex="0" role="region" aria-label="Stack">${one.stackTrace}</pre></details>
      </li>`)}
    </ol>
  </div>`;
}
