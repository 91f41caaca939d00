// A plan before the deed: what the API says that an action would do now, and its id, which the action then carries, so
// that it is done as it was shown or not at all.
import {Ago, durationText, shortId, sizeText} from '../format.js';
import {Problem, post} from '../api.js';
import {html, useEffect, useRef, useState} from '../preact.js';
import {stepText} from '../words.js';

const PATIENCE_MS = 230_000; // a plan takes up to 200 s: main() of the release runs for it
const VERDICTS = {
  WILL_DO: ['good', 'This will be done.'],
  NOTHING_TO_DO: ['off', 'There is nothing to do.'],
  WOULD_BE_REFUSED: ['bad', 'It would be refused, and nothing would be touched.'],
  UNKNOWN: ['unknown', 'What it would do cannot be determined now.'],
};

/**
 * {plan, problem, busy, make, drop}. `make(body)` asks for a plan of that body; the answer to an earlier question is
 * dropped. `of` of what is returned is the body that the plan is of.
 */
export function usePlan(path) {
  const [state, set] = useState({});
  const asked = useRef(0);
  const make = async (body, note) => {
    const number = ++asked.current;
    set({busy: true, note});
    const settle = (next) => number === asked.current && set({...next, note});
    try {
      const {data} = await post(`${path}?dryRun=true`, body, {patience: PATIENCE_MS});
      settle({plan: data, of: JSON.stringify(body)});
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      settle({problem});
    }
  };
  const drop = () => {
    asked.current += 1;
    set({});
  };
  useEffect(() => drop, [path]);
  return {...state, make, drop};
}

/** Whether an action may be sent after this plan; `why` says why not. */
export function verdictOn(plan) {
  if (!plan) return {may: false};
  if (plan.verdict === 'WOULD_BE_REFUSED') return {may: false, why: 'It would be refused: see the plan.'};
  return {may: true};
}

export function Plan({of: {plan, busy, note}}) {
  if (busy) return html`<p class="plan" role="status">Making the plan… This may run the release’s main().</p>`;
  if (!plan) return null;
  const [tone, words] = VERDICTS[plan.verdict] ?? ['other', plan.verdict];
  return html`<section class="plan" data-verdict=${plan.verdict} data-plan=${plan.id} aria-label="Plan">
    ${note && html`<p class="note" role="status">${note}</p>`}
    <p class="verdict" role="status"><strong class=${`status ${tone}`}>${words}</strong>
      ${plan.code && html` <code>${plan.code}</code>`} ${plan.reason}</p>
    ${plan.warnings?.length > 0 && html`<ul class="warnings">${plan.warnings.map((one) => html`<li key=${one}>${one}</li>`)}</ul>`}
    <dl>
      <${Row} title="Steps">${plan.steps?.length > 0 && html`<ol>${plan.steps.map((one, at) => html`<li key=${at}>${stepText(one.step)} <span class="hint">${one.detail}</span></li>`)}</ol>`}<//>
      <${Row} title="Stops">${plan.stops && html`the run ${shortId(plan.stops.flinkJobId ?? 'of the service')}, ${plan.stops.status.toLowerCase()}`}<//>
      <${Row} title="Starts from">${plan.state && html`<${State} of=${plan.state} />`}<//>
      <${Row} title="Changes">${plan.spec?.length > 0 && html`<${Changes} of=${plan.spec} />`}<//>
      <${Row} title="Operators">${saysOf(plan.operators) && html`<${Operators} of=${plan.operators} />`}<//>
      <${Row} title="Slots">${plan.slots && `${plan.slots.needed} needed at least${plan.slots.free === undefined ? '' : `, ${plan.slots.free} free`}`}<//>
      <${Row} title="Downtime">${plan.expectedDowntimeSeconds !== undefined && `about ${durationText(plan.expectedDowntimeSeconds)}, as in the last updates`}<//>
      <${Row} title="If it fails">${plan.rollback?.about}<//>
    </dl>
  </section>`;
}

function Row({title, children}) {
  const shown = [children].flat().filter((child) => child !== false && child !== undefined && child !== null);
  return shown.length ? html`<div><dt>${title}</dt><dd>${shown}</dd></div>` : null;
}

function State({of: {kind, path, takenAt, sizeBytes}}) {
  const size = sizeBytes !== undefined && `, ${sizeText(sizeBytes)}`;
  if (kind === 'stop') {
    const last = takenAt && html`; the newest existing one: <${Ago} at=${takenAt} />${size}`;
    return html`the savepoint that the stop will write below <code>${path}</code>${last}`;
  }
  return html`${kind} <code>${path}</code>${takenAt && html`, <${Ago} at=${takenAt} />`}${size}`;
}

function Changes({of: changes}) {
  return html`<ul>${changes.map(({field, before, after}) => html`<li key=${field} data-field=${field}><code>${field}</code>: ${
    field === 'sha256' ? change(before && shortId(before), after && shortId(after)) : change(before, after)}</li>`)}</ul>`;
}

function change(before, after) {
  const [was, is] = [text(before), text(after)];
  if (was === is && before !== undefined && after !== undefined) return 'changes (the value is hidden)';
  if (before === undefined) return html`<ins>${is}</ins>`;
  if (after === undefined) return html`<del>${was}</del>`;
  return html`<del>${was}</del> → <ins>${is}</ins>`;
}

function text(value) {
  return (Array.isArray(value) ? value.join(' ') : String(value)) || 'none';
}

/** Whether anything is known of the operators. */
function saysOf(operators) {
  return Object.values(operators ?? {}).some((value) => (Array.isArray(value) ? value.length > 0 : value !== undefined));
}

function Operators({of: {kept, new: added, gone, withoutUid, maxParallelism}}) {
  const counts = [kept && `${kept.length} kept`, added && `${added.length} new, starting empty`, gone && `${gone.length} gone`];
  return html`${counts.filter(Boolean).join(', ')}
    ${gone?.length > 0 && html`<ul class="gone">${gone.map(({id, name, stateBytes}) => html`<li key=${id}>gone: ${name ?? id}${stateBytes === undefined
      ? '' : `, whose state of ${sizeText(stateBytes)} is lost`}</li>`)}</ul>`}
    ${withoutUid?.length > 0 && html`<p>without a uid: ${withoutUid.join(', ')}</p>`}
    ${maxParallelism !== undefined && html`<p>the state allows a parallelism of at most ${maxParallelism}</p>`}`;
}
