// The savepoints of a job: how old, how large, where from. Those that no record names are marked.
import {html} from '../preact.js';
import {Ago, shortId, sizeText} from '../format.js';
import {Copyable, List, Mark, NotKnown, OperationLink, Panel} from './parts.js';
import {byText} from '../words.js';
import {wordOf} from '../status.js';

const TITLES = ['Taken', 'Size', 'Origin', 'Run', 'Path'];

/** `found` is {data, problem}. */
export function Savepoints({job, found: {data, problem}, copy, now}) {
  const savepoints = data?.savepoints;
  return html`<${Panel} id="savepoints" title="Savepoints" note=${savepoints?.length ? savepoints.length : undefined}>
    <${NotKnown} problem=${problem} />
    ${data?.orphansUnknown && html`<p id="orphans-unknown" class="not-known" role="status">Savepoints that no record names could not be looked for: ${data.orphansUnknown}</p>`}
    ${!data && !problem && html`<p role="status">Loading…</p>`}
    ${savepoints?.length === 0 && html`<p id="no-savepoints">None yet.</p>`}
    ${savepoints?.length > 0 && html`<${List} id="savepoint-list" titles=${TITLES}
      rows=${savepoints.map((one, index) => rowOf(one, {job, copy, now, newest: index === 0 && one.origin !== 'orphan'}))} />`}
  <//>`;
}

function rowOf(one, {job, copy, now, newest}) {
  const orphan = one.origin === 'orphan';
  const cells = [
    html`<${Ago} at=${one.takenAt} now=${now} /> ${newest && html`<${Mark}>newest<//> `}${copy?.startedFrom === one.path && html`<${Mark}>the current run started from it<//>`}`,
    one.sizeBytes === undefined ? undefined : html`<span title=${`${one.sizeBytes} bytes`}>${sizeText(one.sizeBytes)}</span>`,
    html`${orphan
      ? html`<${Mark} kind="warn" title="It was found in storage, and no record names it.">orphan<//> left by `
      : html`${wordOf(one.origin)}, ${byText(one.cause)}: `}
      <${OperationLink} job=${job} id=${one.operation}>${orphan ? 'its operation' : 'operation'}<//>
      ${one.restored && html` <${Mark} kind="good" title="A run that started from it has completed a checkpoint.">restored<//>`}
      ${one.disposingAt && html` <${Mark} kind="warn" title="No run can start from it any more.">being disposed of<//>`}`,
    one.flinkJobId && html`<code title=${one.flinkJobId}>${shortId(one.flinkJobId)}</code>`,
    html`<${Copyable} text=${one.path} what="the path" />`,
  ];
  return {key: one.path, 'data-savepoint': one.path, 'data-origin': one.origin, cells};
}
