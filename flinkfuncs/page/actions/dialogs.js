// One dialog for each action. Those that start something show the API's plan first and are bound to it; the others say
// at once what the API would do, and can be sent without waiting for that.
import {Buttons, Calls, Dialog, Reason, Refusal, SecondStep, follow, useCall} from './dialog.js';
import {Check, Choices, JarField, SpecFields, Text, pathOf, savepointChoices, specOf, useJar, useValues} from './fields.js';
import {Plan, usePlan, verdictOn} from './plan.js';
import {Problem, get, put} from '../api.js';
import {html, useEffect, useState} from '../preact.js';
import {refreshAll} from '../live.js';
import {shortId, timeText} from '../format.js';
import {wordOf} from '../status.js';

const jobPath = (job) => `/api/jobs/${encodeURIComponent(job)}`;

/**
 * An action with its plan. `body` is what it is asked with, but for reason, plan and jar; `fault` says what is missing.
 * `bound`: it is sent only as it was planned. `named`: the job's name has to be typed.
 */
function Action({id, title, job, action, says, body = {}, fault, jar, act, safe, bound = false, named = false, danger = named, close, children}) {
  const path = `${jobPath(job || 'JOB')}/${action}`;
  const [reason, setReason] = useState('');
  const [typed, type] = useState('');
  const plan = usePlan(path);
  const call = useCall(path, follow);
  const isJarNeeded = Boolean(jar?.file);
  const asked = isJarNeeded ? {...body, jar: jar.blob} : body;
  const text = JSON.stringify(asked);
  const planned = plan.plan && plan.of === text ? plan.plan : undefined;
  const automatic = !jar && !fault;
  useEffect(() => {
    if (automatic) plan.make(body);
    else plan.drop();
  }, [automatic ? text : '', automatic]);
  useEffect(() => {
    if (call.problem?.code === 'PlanChanged') plan.make(asked, 'The job has changed since the plan was made, so nothing was done. Here is the new plan.');
  }, [call.problem]);
  const {may, why} = verdictOn(planned);
  const missing = fault ?? jar?.fault;
  const isUnsure = planned?.verdict === 'UNKNOWN';
  const ready = !bound || planned;
  const blocked = ready ? missing || (planned && !may ? why : null) || (named && typed !== job ? 'Type the job’s name first.' : null) : missing;
  const requestOf = (jarBlob, isShown = false) => ({
    ...body,
    ...(isJarNeeded && {jar: jarBlob}),
    ...(reason.trim() && {reason: reason.trim()}),
    ...(bound && (planned ? !isUnsure && {plan: planned.id} : isShown && {})),
  });
  const submit = async (event) => {
    event.preventDefault();
    if (call.busy || jar?.busy || (bound && plan.busy)) return;
    if (call.unheard) {
      call.send();
      return;
    }
    if (blocked) return;
    const blob = isJarNeeded ? await jar.put(job) : undefined;
    if (blob === null) return;
    if (ready) call.send(requestOf(blob));
    else plan.make(isJarNeeded ? {...body, jar: blob} : body);
  };
  const shown = requestOf(jar?.blob ?? `plans/…/${jar?.file?.name}`, true);
  const requests = [
    ...(isJarNeeded ? [{method: 'PUT', path: pathOf(job || 'JOB', jar.file.name), file: jar.file.name}] : []),
    {method: 'POST', path, body: shown},
  ];
  const label = !ready ? 'Make the plan' : isUnsure && bound ? `${act} without a plan` : act;
  const form = `${id}-form`;
  return html`<${Dialog} id=${id} title=${title} close=${close}>
    <p class="says">${says}</p>
    <form id=${form} onSubmit=${submit}>
      <fieldset class="plain" disabled=${call.busy || Boolean(call.unheard)}>
        ${children}
        <${Reason} value=${reason} set=${setReason} />
        ${named && html`<${SecondStep} job=${job} typed=${typed} set=${type} />`}
      </fieldset>
    </form>
    ${jar?.problem && html`<${Refusal} of=${jar.problem} />`}
    ${plan.problem && html`<${Refusal} of=${plan.problem} />`}
    <${Plan} of=${planned || plan.busy ? plan : {}} />
    ${call.problem?.code !== 'PlanChanged' && html`<${Refusal} of=${call.problem} unheard=${Boolean(call.unheard)} />`}
    <${Calls} requests=${requests} command=${{action, job: job || 'JOB', body: shown, file: jar?.file?.name, yes: named}} />
    <${Buttons} form=${form} act=${label} safe=${safe} danger=${danger} disabled=${Boolean(blocked) || jar?.busy || (bound && plan.busy)} why=${blocked} busy=${call.busy} unheard=${Boolean(call.unheard)} />
  <//>`;
}

export function Stop({job, close}) {
  return html`<${Action} id="stop" title=${`Stop ${job.name}`} job=${job.name} action="stop" act="Stop" close=${close}
    says="Flink takes a savepoint and stops the job. The job is not drained: windows and timers stay in the state until the next start." />`;
}

export function Savepoint({job, close}) {
  return html`<${Action} id="savepoint" title=${`Savepoint of ${job.name}`} job=${job.name} action="savepoint" act="Take a savepoint" close=${close}
    says="Flink takes a savepoint while the job keeps running." />`;
}

export function Cancel({job, close}) {
  return html`<${Action} id="cancel" title=${`Cancel ${job.name}`} job=${job.name} action="cancel" act="Cancel the job" safe="Leave it as it is" named=${true} close=${close}
    says="The job ends without a savepoint. Its retained checkpoints stay; input that came after the newest one is read again at the next start. To keep the state as it is now, use Stop." />`;
}

export function Delete({job, close}) {
  return html`<${Action} id="delete" title=${`Delete ${job.name}`} job=${job.name} action="delete" act="Delete the job" safe="Keep it" named=${true} close=${close}
    says="The job’s record is deleted. Its name becomes free, and a new job of that name starts without this history. Savepoints and kept jars stay until retention removes them." />`;
}

export function Start({job, close, action = 'start'}) {
  const {values, set} = useValues({savepoint: '', unaligned: false});
  const found = useFound(`${jobPath(job.name)}/savepoints`);
  const choices = savepointChoices(job.startsFrom, found.data);
  const isNamed = values.savepoint || (!job.startsFrom && choices[0]?.[0]) || '';
  const isUnaligned = !isNamed && job.startsFrom?.unaligned;
  const body = {...(isNamed && {savePointName: isNamed}), ...(isUnaligned && values.unaligned && {allowUnalignedCheckpoint: true})};
  const again = action === 're-launch' ? 'Re-launch' : 'Start';
  return html`<${Action} id=${action} title=${`${again} ${job.name}`} job=${job.name} action=${action} act=${again} close=${close} body=${body} bound=${true}
    says=${`The release ${job.release?.jarName ?? ''} is started from the state chosen here, and then proved: it has to run steadily and complete a checkpoint.`}>
    ${found.problem && html`<${Refusal} of=${found.problem} />`}
    ${choices.length ? html`<${Choices} name="savepoint" label="Start from" value=${isNamed} set=${set} of=${choices} />`
      : found.data && html`<p>No state of this job is known. Only a stateless update can start it.</p>`}
    ${found.data?.orphansUnknown && html`<p class="hint">Savepoints that no record names could not be looked for: ${found.data.orphansUnknown}</p>`}
    ${isUnaligned && html`<${Check} name="unaligned" label="Use the unaligned checkpoint: only the release that wrote it can" value=${values.unaligned} set=${set} />`}
  <//>`;
}

const UPDATES = {
  update: {
    title: 'Update',
    says: 'The job is stopped with a savepoint and started from it with what is chosen here. If the new run fails, the previous release is started again from the same savepoint.',
  },
  'stateless-update': {
    title: 'Stateless update',
    says: 'The job starts from scratch, without its state, which is kept as a savepoint. Output that depends on that state changes.',
  },
  'last-state-update': {
    title: 'Last-state update',
    says: 'The job is cancelled and started from its newest checkpoint, without a savepoint: for a job that cannot take one. Input that came since then is read again.',
  },
};

export function Update({job, close, action = 'update', back = false}) {
  const {title, says} = UPDATES[action];
  const {values, set} = useValues({run: back ? 'release' : 'jar', release: '', dropped: false, withoutSavepoint: false});
  const chosen = useJar();
  const jar = values.run === 'jar' ? chosen : {};
  const found = useFound(`${jobPath(job.name)}/releases`);
  const releases = (found.data?.releases ?? []).filter((one) => one.available);
  const others = releases.filter((one) => !one.running && !one.wanted);
  const release = values.release || (others.find(isProved) ?? others[0])?.id || '';
  const spec = specOf(values);
  const options = {
    ...(action !== 'stateless-update' && values.dropped && {allowNonRestoredState: true}),
    ...(action === 'stateless-update' && values.withoutSavepoint && {withoutSavepoint: true}),
  };
  const body = values.run === 'release' ? {release, ...(options.withoutSavepoint && {withoutSavepoint: true})} : {...spec.body, ...options};
  const fault = values.run === 'jar' && !chosen.file ? 'Choose a jar.' : values.run === 'release' && !release ? 'No earlier release is kept.' : values.run === 'release' ? undefined : spec.fault;
  const isStateless = action === 'stateless-update';
  return html`<${Action} id=${back ? 'go-back' : action} title=${back ? `Go back to a release of ${job.name}` : action === 'update' ? `Update ${job.name}` : `${title} of ${job.name}`} job=${job.name} action=${action}
    act=${back ? 'Go back' : title} close=${close} body=${body} fault=${fault} jar=${jar} bound=${true} named=${isStateless} safe=${isStateless ? 'Keep the state' : undefined} says=${says}>
    ${!back && html`<${Choices} name="run" label="Run" value=${values.run} set=${set} of=${[
      ['jar', 'a new jar'],
      ['same', `the current release (${job.release?.jarName ?? 'none'}), restarted or with other parameters`, !job.release],
      ['release', 'an earlier release', !others.length],
    ]} />`}
    ${values.run === 'jar' && html`<${JarField} jar=${chosen} />`}
    ${values.run === 'release' && html`<label class="field">Release
      <select name="release" value=${release} onChange=${(event) => set('release', event.target.value)}>
        ${others.map((one) => html`<option key=${one.id} value=${one.id}>${one.jarName} ${shortId(one.id)}${one.keptAt ? `, kept ${timeText(one.keptAt)}` : ''}, ${cameTo(one)}</option>`)}
      </select></label>`}
    ${found.problem && html`<${Refusal} of=${found.problem} />`}
    ${values.run !== 'release' && html`<${SpecFields} values=${values} set=${set} now=${job.release?.spec ?? {}} />`}
    ${values.run !== 'release' && !isStateless && html`<${Check} name="dropped" label="Drop the state of removed operators (allowNonRestoredState)" value=${values.dropped} set=${set} />`}
    ${isStateless && html`<${Check} name="withoutSavepoint" label="Go on even if no savepoint of the old state can be taken: that state is then lost" value=${values.withoutSavepoint} set=${set} />`}
  <//>`;
}

function cameTo(release) {
  const outcome = outcomeOf(release);
  return outcome ? wordOf(outcome).toLowerCase() : 'outcome unknown';
}

/** Whether it ran well when it ran last: one that did not is nothing to go back to, unless somebody chooses it. */
function isProved(release) {
  return outcomeOf(release) === 'SUCCEEDED';
}

function outcomeOf({operations}) {
  return operations.find((one) => one.outcome)?.outcome;
}

export function NewJob({close}) {
  const {values, set} = useValues({name: '', from: 'upload', path: '', parallelism: '2', savePointName: '', adopt: ''});
  const chosen = useJar();
  const jar = values.from === 'upload' ? chosen : {};
  const adopts = values.from === 'adopt';
  const spec = adopts ? {} : specOf(values);
  const [directory, name] = parted(values.path.trim());
  const body = adopts ? {adopt: values.adopt.trim()} : {
    ...(values.from === 'path' && {jobJarDirectory: directory, jarName: name}),
    ...spec.body,
    ...(values.savePointName.trim() && {savePointName: values.savePointName.trim()}),
  };
  return html`<${Action} id="new-job" title="New job" job=${values.name} action="new" act=${adopts ? 'Adopt the job' : 'Start the job'} close=${close} body=${body} jar=${jar} bound=${true} fault=${faultOfNew(values, chosen) ?? spec.fault}
    says=${adopts
      ? 'The running job becomes this app’s, as it is: nothing is stopped or started. Its jar is not known, so there is no release to go back to before the first update.'
      : 'The jar is started as a new job of this name, and then proved: it has to run steadily and complete a checkpoint. Nothing else may run under this name.'}>
    <label class="field">Job name <input name="name" data-first required pattern="[a-z0-9\\-]{1,63}" autocomplete="off" spellcheck="false" title="1 to 63 lower case letters, digits and -"
      value=${values.name} onInput=${(event) => set('name', event.target.value)} /></label>
    <${Choices} name="from" label="Jar" value=${values.from} set=${set} of=${[
      ['upload', 'from this computer'],
      ['path', 'in storage, below JOB_JAR_DIRECTORY'],
      ['adopt', 'none: adopt a job that already runs on Flink'],
    ]} />
    ${values.from === 'upload' && html`<${JarField} jar=${chosen} label="Jar file" />`}
    ${values.from === 'path' && html`<${Text} name="path" label="Jar path" value=${values.path} set=${set} placeholder="abfs://jobs@account.dfs.core.windows.net/jars/orders.jar" />`}
    ${adopts && html`<${Text} name="adopt" label="Flink job id" value=${values.adopt} set=${set} placeholder="32 hexadecimal digits" />`}
    ${!adopts && html`<${SpecFields} values=${values} set=${set} />
      <${Text} name="savePointName" label="Savepoint to start from (name or full path)" value=${values.savePointName} set=${set} placeholder="none" />`}
  <//>`;
}

function faultOfNew({name, from, path, adopt}, {file}) {
  if (!/^[a-z0-9-]{1,63}$/.test(name)) return name ? 'A job name has 1 to 63 lower case letters, digits and “-”.' : 'Enter a job name.';
  if (from === 'upload' && !file) return 'Choose a jar.';
  if (from === 'path' && !parted(path.trim())[0]) return 'Enter the path of the jar.';
  if (from === 'adopt' && !/^[0-9a-f]{32}$/.test(adopt.trim())) return 'Enter the id of the Flink job: 32 hexadecimal digits.';
  return undefined;
}

function parted(path) {
  const at = path.lastIndexOf('/');
  return at < 1 ? ['', ''] : [path.slice(0, at), path.slice(at + 1)];
}

export function PauseUploads({job, close, paused}) {
  const path = `${jobPath(job.name)}/uploads`;
  const [reason, setReason] = useState('');
  const [state, set] = useState({});
  const body = {paused, ...(paused && reason.trim() && {reason: reason.trim()})};
  const held = job.uploads?.held ?? [];
  const submit = async (event) => {
    event.preventDefault();
    if (state.busy) return;
    set({busy: true});
    try {
      await put(path, body);
      refreshAll();
      event.target.closest('dialog').close();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      set({problem});
    }
  };
  const says = paused
    ? 'From now on uploads of this job are held; of several, the newest is kept. Calls of the API work as usual.'
    : held.length
      ? `The held upload is taken now, even outside its update window: ${held.map((one) => one.cause.detail.split(' ')[0]).join(', ')}.`
      : 'Uploads of this job are taken again as they arrive.';
  const title = paused ? `Pause uploads of ${job.name}` : `Resume uploads of ${job.name}`;
  return html`<${Dialog} id=${paused ? 'pause' : 'resume'} title=${title} close=${close}>
    <p class="says">${says}</p>
    <form id="uploads-form" onSubmit=${submit}>${paused && html`<${Reason} value=${reason} set=${setReason} />`}</form>
    <${Refusal} of=${state.problem} />
    <${Calls} requests=${[{method: 'PUT', path, body}]} command=${{action: paused ? 'pause' : 'resume', job: job.name, body}} />
    <${Buttons} form="uploads-form" act=${paused ? 'Pause uploads' : 'Resume uploads'} busy=${state.busy} />
  <//>`;
}

export function Abandon({job, close}) {
  const open = [...job.open, ...(job.uploads?.held ?? [])];
  const {values, set} = useValues({id: open[0]?.id ?? '', evenIfBegun: false});
  const [reason, setReason] = useState('');
  const path = `/api/operations/${encodeURIComponent(values.id)}/abandon`;
  const call = useCall(path, follow);
  const body = {...(values.evenIfBegun && {evenIfBegun: true}), ...(reason.trim() && {reason: reason.trim()})};
  const submit = (event) => {
    event.preventDefault();
    if (!call.busy) call.send(body);
  };
  return html`<${Dialog} id="abandon" title=${`Abandon an operation of ${job.name}`} close=${close}>
    <p class="says">An operation for which nothing has been sent yet is withdrawn, and the next one follows. One that has begun is ended only if you tick the box below.</p>
    <form id="abandon-form" onSubmit=${submit}>
      <fieldset class="plain" disabled=${call.busy || Boolean(call.unheard)}>
        <${Choices} name="id" label="Operation" value=${values.id} set=${set} of=${open.map((one) => [one.id, html`${wordOf(one.request.action)}, requested ${timeText(one.requestedAt)}, ${stateOf(one)}`])} />
        <${Reason} value=${reason} set=${setReason} />
        <${Check} name="evenIfBegun" label="End it even if it has begun. A stop, start or savepoint that was sent may still take effect; the result names it." value=${values.evenIfBegun} set=${set} />
      </fieldset>
    </form>
    <${Refusal} of=${call.problem} unheard=${Boolean(call.unheard)} />
    <${Calls} requests=${[{method: 'POST', path, body}]} command=${{action: 'abandon', id: values.id, body, yes: true}} />
    <${Buttons} form="abandon-form" act=${values.evenIfBegun ? 'End it' : 'Withdraw it'} safe="Keep it" danger=${values.evenIfBegun} busy=${call.busy} unheard=${Boolean(call.unheard)} />
  <//>`;
}

function stateOf({drivenAt, heldUntil}) {
  if (heldUntil) return `held until ${timeText(heldUntil)}`;
  return drivenAt ? 'under way' : 'waiting';
}

export function TestMessage({close}) {
  const path = '/api/notifications/test';
  const [probe, answered] = useState();
  const call = useCall(path, answered);
  const submit = (event) => {
    event.preventDefault();
    if (!call.busy && !probe) call.send({});
  };
  return html`<${Dialog} id="test-message" title="Test message" close=${close}>
    <p class="says">One message is sent to the address in the setting NOTIFY_URL, and the answer is shown here.</p>
    <form id="test-form" onSubmit=${submit}></form>
    <${Refusal} of=${call.problem} unheard=${Boolean(call.unheard)} />
    ${probe && html`<p role="status">${probe.delivered ? 'Delivered' : 'Not accepted'}: status ${probe.status} ${probe.answer}</p>`}
    <${Calls} requests=${[{method: 'POST', path}]} command=${{action: 'test-message'}} />
    <${Buttons} form="test-form" act="Send it" disabled=${Boolean(probe)} busy=${call.busy && !probe} unheard=${Boolean(call.unheard) && !probe} />
  <//>`;
}

/** What a GET finds, once: {data, problem}. */
function useFound(path) {
  const [found, set] = useState({});
  useEffect(() => {
    let isWanted = true;
    const keep = (next) => isWanted && set(next);
    get(path).then((data) => keep({data}), (problem) => keep({problem}));
    return () => {
      isWanted = false;
    };
  }, [path]);
  return found;
}
