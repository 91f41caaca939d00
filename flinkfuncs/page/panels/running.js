// What runs, from which state, since when; and if nothing runs: why, and from where a start would continue.
import {html} from '../preact.js';
import {Time, sizeText} from '../format.js';
import {Copyable, Facts, Id, Mark, OperationLink, Panel, When} from './parts.js';
import {Status, wordOf} from '../status.js';
import {specLines} from './spec.js';

const RUNS = ['RUNNING', 'RESTARTING', 'STARTING', 'CANCELLING'];
const NOT_WELL = ['FAILED', 'VANISHED', 'NEVER_STARTED'];
// What a status says of a job that does not run; any other word is the service's own, and nothing is concluded from it.
const RESTS = {
  STOPPED: ['It is not running.', 'It was stopped with a savepoint.'],
  CANCELED: ['It is not running.', 'It was cancelled, without a savepoint.'],
  FINISHED: ['It is not running.', 'It finished by itself.'],
  FAILED: ['It is not running.', 'It failed.'],
  NEVER_STARTED: ['It is not running.', 'Its last start was refused, so it never ran.'],
  NONE: ['It is not running.', 'It has never been started.'],
  VANISHED: ['The cluster does not know this job.', 'The run that the app started is gone: the JobManager may have been replaced.'],
  MAY_APPEAR: ['It may still appear.', 'A start was sent, and the cluster does not list it yet.'],
};

/** `data` is the job; `savepoints` and `exceptions` are what the API says of them, where that is known. */
export function Running({data, savepoints, exceptions, now}) {
  const {copy, release} = data;
  const runs = RUNS.includes(data.status);
  const unknown = data.status === 'UNKNOWN';
  const adopted = copy?.adopted;
  const title = runs ? 'Current run' : unknown ? 'Last known run' : data.status === 'NONE' ? 'No run yet' : RESTS[data.status] ? 'Last run' : 'Run';
  return html`<${Panel} id="running" title=${title}>
    <${WhyNot} data=${data} unknown=${unknown} cause=${causeOf(data, exceptions)} />
    <${Facts} of=${[
      ['Run', copy && html`<${Id} of=${copy.flinkJobId} what="the Flink job id" />
        ${data.links?.flink && html` <a id="flink-page" href=${data.links.flink} rel="noreferrer" target="_blank">Open in Flink</a>`}`, 'fact-run'],
      ['Run', !copy && data.flinkJobId && html`<${Copyable} text=${data.flinkJobId} what="the job id" />`, 'fact-job-id'],
      [runs ? 'Since' : 'Started', copy && html`<${When} at=${copy.startedAt} now=${now} />`, 'fact-since'],
      ['Started from', copy && (copy.startedFrom ? html`<${Copyable} text=${copy.startedFrom} what="the path" />` : adopted ? 'not known: the run was adopted' : 'no state'), 'fact-from'],
      ['Adopted', adopted && `${adopted.name}, parallelism ${adopted.parallelism}; its jar is not known, so the job cannot be rolled back to it`],
      ['Release', release && html`${release.jarName} <${Id} of=${release.id} what="the release’s id" /> ${sizeText(release.sizeBytes)}
        ${differs(data) && html` <${Mark} kind="warn">not the one that ${runs ? 'is running' : 'ran'}<//>`}`, 'fact-release'],
      ['Newest savepoint', data.lastSavePoint && html`<${Copyable} text=${data.lastSavePoint} what="the path" /> <${Taken} path=${data.lastSavePoint} savepoints=${savepoints} now=${now} />`, 'fact-savepoint'],
      ['Folder', data.folder && html`<code>${data.folder}/${data.name}/</code>`],
    ]} />
    ${release && html`<details class="spec"><summary>Spec of ${release.jarName}</summary>
      <${Facts} of=${specLines(release)} /></details>`}
    <${Uploads} data=${data} />
  <//>`;
}

function WhyNot({data, unknown, cause}) {
  if (unknown) {
    return html`<p id="why-unknown" class="not-known" role="status"><${Status} of="UNKNOWN" /> What the cluster says of it is not known${data.statusReason && ` (${data.statusReason})`}.
      ${' '}This says nothing about the job. Below is what the app recorded last.</p>`;
  }
  if (data.status === 'RESTARTING') return html`<p id="why-not" class="notice warn">It is restarting after an exception${cause ? html`: <strong>${cause}</strong>` : '.'}</p>`;
  if (!RESTS[data.status]) return null;
  const {last, copy, open} = data;
  const [so, why] = RESTS[data.status];
  return html`<div id="why-not" class=${`notice ${NOT_WELL.includes(data.status) ? 'bad' : 'plain'}`}>
    <p><strong>${so}</strong> ${why}${open.length > 0 && html` <${OperationLink} job=${data.name} id=${open[0].id}>${wordOf(open[0].request.action)}<//> is open.`}</p>
    ${cause && html`<p id="root-cause">${cause}</p>`}
    ${last && html`<p>Last operation: <${OperationLink} job=${data.name} id=${last.id}>${wordOf(last.action)}<//>${' '}
      <${Status} of=${last.outcome} /> ${last.message}</p>`}
    <p id="starts-from">${data.startsFrom
      ? html`A start would continue from <${Copyable} text=${data.startsFrom.path} what="the path of the state" />
          ${data.startsFrom.unaligned && html` <${Mark} kind="warn">an unaligned checkpoint: another release accepts it only with allowUnalignedCheckpoint<//>`}`
      : copy ? 'No state is known for a start to continue from.' : ''}</p>
  </div>`;
}

function Taken({path, savepoints, now}) {
  const found = savepoints?.find((one) => one.path === path);
  return found ? html`<${When} at=${found.takenAt} now=${now} />` : null;
}

function Uploads({data}) {
  const {uploads, name} = data;
  if (!uploads) return null;
  const [held] = uploads.held;
  return html`<div id="uploads-held" class="notice plain">
    ${uploads.paused && html`<p><strong>Uploads are paused.</strong> ${uploads.reason}</p>`}
    ${held && html`<p>An upload is held${held.heldUntil && html` until <${Time} at=${held.heldUntil} />, when its window opens`}:${' '}
      <${OperationLink} job=${name} id=${held.id}>${held.cause.detail}<//></p>`}
  </div>`;
}

/** The newest exception of the run that is there now, or was last, where that is what is wrong with it. */
function causeOf({status, copy}, exceptions) {
  const run = exceptions?.find((one) => one.flinkJobId === copy?.flinkJobId);
  return ['FAILED', 'RESTARTING'].includes(status) ? run?.exceptions[0]?.cause : undefined;
}

/** Whether the release that it should run is another one than that of its copy. */
function differs({release, copy}) {
  return Boolean(release && copy?.releaseId && release.id !== copy.releaseId);
}
