// Why a job failed, according to Flink: of the current or last run, and of the one before.
import {html} from '../preact.js';
import {shortId} from '../format.js';
import {Id, Mark, NotKnown, Panel, When} from './parts.js';
import {wordOf} from '../status.js';

const BLAMES = {
  RELEASE: undefined,
  CLUSTER: 'caused by the cluster',
  SLOTS: 'no free slots: it never ran',
};

/** `found` is {data, problem}. */
export function Exceptions({found: {data, problem}, now}) {
  const copies = data?.copies;
  const count = copies?.reduce((sum, copy) => sum + copy.exceptions.length, 0);
  return html`<${Panel} id="exceptions" title="Exceptions" note=${count ? count : undefined}>
    <${NotKnown} problem=${problem} />
    ${!data && !problem && html`<p role="status">Loading…</p>`}
    ${copies?.length === 0 && html`<p id="no-runs">Flink has none of a job that it never ran, and behind the ARM API it cannot be asked. The operations say why they failed.</p>`}
    ${copies?.map((copy, index) => html`<${Copy} key=${copy.flinkJobId} copy=${copy} current=${index === 0} now=${now} />`)}
  <//>`;
}

function Copy({copy, current, now}) {
  const {exceptions, forgotten, unknown, ended} = copy;
  return html`<div class="exceptions-of" data-run=${copy.flinkJobId}>
    <h3>${current ? 'Current or last run' : 'The run before'}: <${Id} of=${copy.flinkJobId} what="the Flink job id" />
      ${copy.releaseId && html` <span class="note">release ${shortId(copy.releaseId)}</span>`}
      ${ended && html` <span class="note">${wordOf(ended)}</span>`}</h3>
    ${unknown && html`<${NotKnown} problem=${unknown} />`}
    ${ended === 'NEVER_STARTED'
      ? html`<p>It never started, so Flink knows nothing about it. Its operation says why.</p>`
      : forgotten && html`<p>Flink does not know this run (any more). It forgets a run some time after its end, and all of them when its JobManager is replaced.</p>`}
    ${!forgotten && !unknown && exceptions.length === 0 && html`<p>Flink reports none.</p>`}
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
