// The operations of a job, newest first: what came of each, who asked and why, each step with its seconds, and how long
// nothing ran. What is held or under way stands above what has ended.
import {html, useEffect, useRef, useState} from '../preact.js';
import {Ago, Time, durationText, shortId, useNow} from '../format.js';
import {Copyable, Facts, Id, Json, Mark, NotKnown, OperationLink, Panel, When, secondsBetween} from './parts.js';
import {Status, wordOf} from '../status.js';
import {byText, stepText} from '../words.js';
import {specLines} from './spec.js';

const BAR = 1000; // units of its width

/** `found` is {data: {operations, nextLink}, problem}; `open` and `held` are newer than what it has of them. */
export function Timeline({job, open, held, found: {data, problem}, older, links, now}) {
  const [quiet, hush] = useState(false);
  const operations = merged(open, held, data?.operations ?? []);
  const shown = operations.filter((one) => !(quiet && isPeriodic(one)));
  return html`<${Panel} id="operations" title="Operations">
    <${NotKnown} problem=${problem} />
    ${operations.some(isPeriodic) && html`<p><label><input id="quiet" type="checkbox" checked=${quiet} onChange=${(event) => hush(event.target.checked)} /> Hide scheduled operations</label></p>`}
    ${data && operations.length === 0 && html`<p id="no-operations">None yet.</p>`}
    <ol class="timeline">
      ${shown.map((one) => html`<li key=${one.id}><${Operation} job=${job} operation=${one} links=${links} now=${now} /></li>`)}
    </ol>
    ${!data && !problem && html`<p role="status">Loading…</p>`}
    ${data?.nextLink && html`<p><button id="older" onClick=${older}>Older operations</button></p>`}
  <//>`;
}

/** One operation, as a place of its own: the end of a deep link. */
export function OneOperation({polled: {data, problem}, job, links, now}) {
  const place = useRef(null);
  useEffect(() => {
    place.current.scrollIntoView();
    place.current.focus({preventScroll: true});
  }, []);
  return html`<section id="operation" class="panel" ref=${place} tabindex="-1" aria-label="Operation">
    <${NotKnown} problem=${problem} />
    ${!data && !problem && html`<p role="status">Loading…</p>`}
    ${data && data.job !== job && html`<p>It belongs to the job <strong>${data.job}</strong>.</p>`}
    ${data && html`<${Operation} alone job=${data.job} operation=${data} links=${links} now=${now} />`}
  </section>`;
}

function Operation({alone = false, job, operation, links, now}) {
  const {id, request, result, cause} = operation;
  const Heading = alone ? 'h2' : 'h3';
  return html`<article id=${alone ? `shown-${id}` : `operation-${id}`} class="operation" data-operation=${id} data-outcome=${result?.outcome ?? stateOf(operation)}>
    <${Heading}><${Status} of=${result?.outcome ?? stateOf(operation)} />${' '}
      <${OperationLink} job=${job} id=${id}>${wordOf(request.action)}<//>${' '}
      ${result?.code && html` <${Mark}>${result.code}<//>`}</${Heading}>
    <${Rollback} operation=${operation} />
    <${Message} operation=${operation} />
    <p class="note">${byText(cause.kind)}: <span class="cause">${cause.detail}</span>, <${Moment} operation=${operation} now=${now} /></p>
    <${Remarks} request=${request} />
    ${operation.drivenAt && (operation.steps?.length > 0 || !result) && html`<${Course} operation=${operation} />`}
    ${operation.checked?.warnings?.map((warning) => html`<p key=${warning} class="note"><${Mark} kind="warn">warning<//> ${warning}</p>`)}
    <${More} operation=${operation} links=${links} alone=${alone} now=${now} />
  </article>`;
}

function Message({operation}) {
  const {result, message, overtakenBy, job} = operation;
  if (result) return html`<p class="message">${result.message}</p>`;
  if (message) return html`<p class="message">${message}</p>`;
  if (operation.held) return html`<p class="message">It is held because uploads are paused.</p>`;
  if (!operation.drivenAt) return html`<p class="message">It is waiting for its turn.</p>`;
  const last = operation.steps?.at(-1);
  return html`<p class="message">Under way${last ? html`: <strong>${nameOf(last)}</strong>` : '.'}
    ${overtakenBy && html`; <${OperationLink} job=${job} id=${overtakenBy}>another operation<//> went ahead of it`}</p>`;
}

function Rollback({operation: {undo, replaced, result}}) {
  if (!undo) return null;
  const back = replaced && html`<strong>${replaced.jarName}</strong> <code title=${replaced.id}>${shortId(replaced.id)}</code>`;
  const title = !result ? 'Rolling back' : result.outcome === 'ROLLED_BACK' ? 'Rolled back' : 'Undone';
  return html`<div class="rollback">
    <p><strong>${title}</strong>${replaced && (result?.outcome === 'ROLLED_BACK' ? html`: ${back} runs again` : html` to ${back}`)}
      ${result?.restoredFrom && html`, from <${Copyable} text=${result.restoredFrom} what="the path" />`}</p>
    ${!result?.message.includes(undo.reason) && html`<p>Why: ${undo.reason}</p>`}
  </div>`;
}

function Moment({operation: {requestedAt, drivenAt, heldUntil, resumedAt, result}, now}) {
  if (heldUntil && !result) return html`held until <${Time} at=${heldUntil} /> (<${Ago} at=${heldUntil} now=${now} />)`;
  if (!result) return html`requested <${Ago} at=${requestedAt} now=${now} />`;
  const waited = drivenAt ? secondsBetween(resumedAt ?? requestedAt, drivenAt) : 0;
  return html`ended <${When} at=${result.endedAt} now=${now} />${drivenAt && html`, took <span class="took">${durationText(rounded(secondsBetween(drivenAt, result.endedAt)))}</span>`}
    ${waited >= 1 && html`, after waiting ${durationText(Math.round(waited))}`}`;
}

function Remarks({request: {reason, buildUrl, commit}}) {
  if (!reason && !buildUrl && !commit) return null;
  return html`<p class="remarks">${reason && html`<q class="reason">${reason}</q> `}
    ${buildUrl && (/^https?:/.test(buildUrl) ? html`<a class="build" href=${buildUrl} rel="noreferrer" target="_blank">build</a> ` : buildUrl)}
    ${commit && html`commit <${Copyable} text=${commit} what="the commit" shown=${commit.slice(0, 12)} />`}</p>`;
}

/** Its steps as a bar, and in words. */
function Course({operation}) {
  const now = useNow(operation.result ? 3600 : 1);
  const {drivenAt, downtime, undo, result} = operation;
  const end = result?.endedAt ?? new Date(now).toISOString();
  const steps = stepsOf(operation, end);
  const all = Math.max(secondsBetween(drivenAt, end), 0.001);
  const x = (at) => (Math.min(secondsBetween(drivenAt, at), all) / all) * BAR;
  const down = downtime && {since: downtime.since, until: downtime.until ?? end};
  const part = (from, to) => ({x: x(from), width: Math.max(x(to) - x(from), 2)});
  return html`<div class="course">
    <svg class="bar" viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">
      ${steps.map((step, index) => html`<rect key=${index} class=${`step ${kindOf(step, index, undo)}`} y="0" height="13" ...${part(step.at, step.until)}><title>${nameOf(step)}: ${lasting(step)}</title></rect>`)}
      ${down && html`<rect class="down" y="15" height="5" ...${part(down.since, down.until)} />`}
    </svg>
    <ol class="steps">
      ${steps.map((step, index) => html`<li key=${index} class=${kindOf(step, index, undo)} title=${step.detail}>${nameOf(step)} <b>${lasting(step)}</b></li>`)}
    </ol>
    ${downtime && html`<p class="downtime"><${Mark} kind="down">downtime<//> ${downtime.until
      ? `Nothing ran for ${durationText(rounded(secondsBetween(downtime.since, downtime.until)))}.`
      : result ? 'No run has been seen to be steady since the stop.' : `Nothing has run for ${durationText(Math.round(secondsBetween(downtime.since, end)))}.`}</p>`}
  </div>`;
}

function More({operation, links, alone, now}) {
  const {id, request, release, savepoint, result, traceparent, repeats, steps = []} = operation;
  const trace = traceparent?.split('-')[1];
  const page = links?.trace && trace && links.trace.replaceAll('{traceId}', trace);
  return html`<details class="more" open=${alone}><summary>${alone ? 'Details' : 'More'}</summary>
    <${Facts} of=${[
      ['Operation', html`<${Copyable} text=${id} what="the operation’s id" />`],
      ['Requested', html`<${When} at=${operation.requestedAt} now=${now} />`],
      ['Release', release && html`${release.jarName} <${Id} of=${release.id} what="the release’s id" />`],
      ['Jar', request.jar && html`<code>${request.jar.name}</code>`],
      ['Go back to', request.release && html`<code>${request.release}</code>`],
      ['Named savepoint', request.savePointName && html`<code>${request.savePointName}</code>`],
      ['Savepoint taken', (result?.savepoint ?? savepoint) && html`<${Copyable} text=${result?.savepoint ?? savepoint} what="the path" />`],
      ['Started from', result?.restoredFrom && html`<${Copyable} text=${result.restoredFrom} what="the path" />`],
      ['Run', result?.flinkJobId && html`<${Id} of=${result.flinkJobId} what="the Flink job id" />`],
      ['Same upload before', repeats && html`<${OperationLink} job=${operation.job} id=${repeats}>operation<//>`],
      ['Trace', trace && html`<${Copyable} text=${trace} what="the trace id" />${page && html` <a class="trace" href=${page} rel="noreferrer" target="_blank">Open the trace</a>`}`],
      ...specLines({spec: request.spec}).map(([name, value]) => [`Requested: ${name}`, value]),
    ]} />
    ${steps.length > 0 && html`<ol class="step-details">
      ${steps.map((step, index) => html`<li key=${index}><${Time} at=${step.at} /> <strong>${step.step}</strong> <span class="detail">${step.detail}</span></li>`)}
    </ol>`}
    ${alone && html`<details><summary>JSON</summary><${Json} of=${operation} what="the operation as JSON" /></details>`}
  </details>`;
}

/** HELD, WAITING or OPEN. */
function stateOf(operation) {
  if (operation.heldUntil || operation.held) return 'HELD';
  return operation.drivenAt ? 'OPEN' : 'WAITING';
}

/** What is open is as the job's own answer has it, which is asked for more often. */
function merged(open, held, listed) {
  const first = [...held.map((one) => ({...one, held: true})), ...[...open].reverse()];
  const known = new Set(first.map(({id}) => id));
  return [...first, ...listed.filter(({id, state}) => !known.has(id) && state !== 'open')];
}

function isPeriodic(operation) {
  return operation.cause.kind === 'timer';
}

/** Each step until the next one was begun, from when the operation was taken up. */
function stepsOf({drivenAt, steps = []}, end) {
  const begun = steps.length && secondsBetween(drivenAt, steps[0].at) < 0.05 ? [] : [{at: drivenAt, step: 'prepare', detail: ''}];
  const all = [...begun, ...steps];
  return all.map((step, index) => ({...step, until: all[index + 1]?.at ?? end}));
}

function kindOf(step, index, undo) {
  return undo && new Date(step.at) >= new Date(undo.at) ? 'back' : index % 2 ? 'odd' : 'even';
}

function nameOf({step}) {
  return stepText(step);
}

function lasting({at, until}) {
  return durationText(rounded(secondsBetween(at, until)));
}

function rounded(seconds) {
  return seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds);
}
