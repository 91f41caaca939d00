// The fields of dialogs, and how what is typed becomes the body of an action. An empty field says nothing: a new job
// gets the default, and an update keeps what is recorded.
import {Ago, sizeText} from '../format.js';
import {Problem, upload} from '../api.js';
import {html, useState} from '../preact.js';
import {wordOf} from '../status.js';

export const LONGEST_JAR = 64 * 1024 * 1024; // bytes; the API says 413 above it
const NO_SPEC = {entryClass: '', args: '', noArgs: false, parallelism: '', savepointDirectory: '', configuration: ''};

/** {values, set(name, value)} of a form. */
export function useValues(first = {}) {
  const [values, change] = useState({...NO_SPEC, ...first});
  return {values, set: (name, value) => change((before) => ({...before, [name]: value}))};
}

/** The body's part that says how a jar is run: {body, fault}. */
export function specOf({entryClass, args, noArgs, parallelism, savepointDirectory, configuration}) {
  const body = {};
  if (entryClass.trim()) body.entryClass = entryClass.trim();
  if (noArgs) body.args = '';
  else if (args.trim()) body.args = args.trim();
  if (parallelism !== '') body.parallelism = Number(parallelism);
  if (savepointDirectory.trim()) body.savepointDirectory = savepointDirectory.trim();
  const lines = configuration.split('\n').map((line) => line.trim()).filter(Boolean);
  const wrong = lines.find((line) => !/^[^:\s]+\s*:/.test(line));
  if (wrong) return {body, fault: `Flink configuration: “${wrong}” is not “key: value”.`};
  if (lines.length) {
    body.flinkConfiguration = Object.fromEntries(lines.map((line) => [line.split(':', 1)[0].trim(), line.slice(line.indexOf(':') + 1).trim()]));
  }
  return {body};
}

/** Entry class, arguments, parallelism …; `now` is the spec that is recorded, shown where a field is left empty. */
export function SpecFields({values, set, now}) {
  const kept = (value) => (now ? `now: ${value ?? 'not set'}` : undefined);
  const args = [now?.args].flat().filter((each) => each !== undefined).join(' ');
  const configuration = Object.entries(now?.flinkConfiguration ?? {}).map(([key, value]) => `${key}: ${value}`).join('\n');
  return html`
    <${Text} name="entryClass" label="Entry class" value=${values.entryClass} set=${set} placeholder=${now ? kept(now.entryClass ?? 'Main-Class of the manifest') : 'Main-Class of the manifest'} />
    <${Text} name="args" label="Arguments, separated by spaces (no secrets)" value=${values.args} set=${set} disabled=${values.noArgs} placeholder=${now ? kept(args || 'none') : undefined} />
    ${args && html`<${Check} name="noArgs" label="Remove all arguments" value=${values.noArgs} set=${set} />`}
    <label class="field">Parallelism <input name="parallelism" type="number" min="1" max="32768" step="1" value=${values.parallelism}
      placeholder=${kept(now?.parallelism)} onInput=${(event) => set('parallelism', event.target.value)} /></label>
    <${Text} name="savepointDirectory" label="Savepoint directory" value=${values.savepointDirectory} set=${set} placeholder=${now ? kept(now.savepointDirectory ?? 'the app’s own') : 'the app’s own'} />
    <label class="field">Flink configuration, one “key: value” per line${now && configuration ? ' (replaces all of it)' : ''}
      <textarea name="configuration" rows="2" spellcheck="false" value=${values.configuration} placeholder=${configuration || undefined}
        onInput=${(event) => set('configuration', event.target.value)}></textarea></label>`;
}

export function Text({name, label, value, set, ...more}) {
  return html`<label class="field">${label}
    <input name=${name} autocomplete="off" spellcheck="false" value=${value} onInput=${(event) => set(name, event.target.value)} ...${more} /></label>`;
}

export function Check({name, label, value, set}) {
  return html`<label class="check"><input type="checkbox" name=${name} checked=${value} onChange=${(event) => set(name, event.target.checked)} /> <span>${label}</span></label>`;
}

/**
 * A jar from the browser: {file, fault, blob, busy, problem, choose(file), put(job)}. `put` uploads it once, below
 * plans/, where nothing takes it, and returns the blob's name, which is the `jar` of a plan and of its action; null
 * where it was refused.
 */
export function useJar() {
  const [state, set] = useState({});
  const choose = (file) => set({file, fault: faultOf(file)});
  const put = async (job) => {
    if (state.blob) return state.blob;
    set({...state, busy: true, problem: undefined});
    try {
      const {data} = await upload(pathOf(job, state.file.name), state.file);
      set({...state, blob: data.blob});
      return data.blob;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      set({...state, problem});
      return null;
    }
  };
  return {...state, choose, put};
}

export function pathOf(job, name) {
  return `/api/jobs/${encodeURIComponent(job)}/uploads/${encodeURIComponent(name)}?folder=plans`;
}

function faultOf(file) {
  if (!file) return undefined;
  if (!/\.jar$/i.test(file.name)) return `${file.name} is not a jar.`;
  if (file.size === 0) return `${file.name} is empty.`;
  if (file.size > LONGEST_JAR) {
    return `${file.name} has ${sizeText(file.size)}; this page can send at most ${sizeText(LONGEST_JAR)}. Upload it with ` +
      'flinkfuncs deploy or az storage blob upload.';
  }
  return undefined;
}

export function JarField({jar, label = 'Jar'}) {
  return html`<label class="field">${label}
    <input type="file" name="jar" accept=".jar" onChange=${(event) => jar.choose(event.target.files[0])} /></label>
    ${jar.fault && html`<p class="refusal" role="alert">${jar.fault}</p>`}
    ${jar.busy && html`<p role="status">Uploading ${jar.file.name}, ${sizeText(jar.file.size)}… <progress></progress></p>`}`;
}

/** A group of choices, of which one is taken. */
export function Choices({name, label, value, set, of}) {
  return html`<fieldset class="choices-of"><legend>${label}</legend>
    ${of.map(([choice, words, disabled]) => html`<label key=${choice} class="check">
      <input type="radio" name=${name} value=${choice} checked=${value === choice} disabled=${disabled} onChange=${() => set(name, choice)} /> <span>${words}</span></label>`)}
  </fieldset>`;
}

/** The state to begin from: the newest one, which the app names, or a savepoint of the list; `found` is /savepoints. */
export function savepointChoices(startsFrom, found) {
  const savepoints = found?.savepoints ?? [];
  const known = savepoints.find(({path}) => path === startsFrom?.path);
  const newest = startsFrom && ['', html`<strong>the newest state</strong>: <code>${startsFrom.path}</code>${
    known ? facts(known) : startsFrom.unaligned ? ', an unaligned checkpoint' : ''}`];
  const others = savepoints.map((one) => [one.path, html`<code>${one.path}</code>${facts(one)}`, Boolean(one.disposingAt)]);
  return [...(newest ? [newest] : []), ...others];
}

function facts({takenAt, sizeBytes, origin, disposingAt}) {
  const from = origin === 'orphan' ? 'an orphan: no record names it' : `origin: ${wordOf(origin).toLowerCase()}`;
  return html`, <${Ago} at=${takenAt} />${sizeBytes === undefined ? '' : `, ${sizeText(sizeBytes)}`}, ${from}${disposingAt ? ', being disposed of' : ''}`;
}
