// The shell: header, sign-in, and which view is shown where.
import {AllOperations, Uploads} from './lists.js';
import {Help, useKeys} from './keys.js';
import {setClock, useClock} from './format.js';
import {JobPage} from './job.js';
import {JobsPage} from './jobs.js';
import {html, render, useEffect, useRef, useState} from './preact.js';
import {linkTo, usePlace} from './router.js';
import {signInWithEntra, signInWithKey, signOut, start, useSession} from './session.js';
import {usePolled} from './live.js';
import {toneOf, worstOf} from './status.js';

const NAME = 'flinkfuncs';
const VIEWS = [
  {name: 'jobs', title: 'Jobs'},
  {name: 'operations', title: 'Operations'},
  {name: 'uploads', title: 'Uploads'},
];

function App() {
  const session = useSession();
  switch (session.state) {
    case 'in':
      return html`<${Page} session=${session} />`;
    case 'out':
      return html`<${SignIn} session=${session} />`;
    case 'broken':
      return html`<main class="narrow"><h1>${NAME}</h1>
        <p role="alert">${session.problem.detail}</p><button id="again" onClick=${start}>Try again</button></main>`;
    default:
      return html`<main class="narrow"><p role="status">Loading…</p></main>`;
  }
}

function Page({session}) {
  const place = usePlace();
  const main = useRef(null);
  const [helping, help] = useState(false);
  useKeys({'?': () => help(true)});
  useMark(place);
  const view = place.parts.slice(0, 2).join('/'); // an operation is shown within its job
  useFocusOf(main, view);
  return html`
    <a class="skip" href="#main" onClick=${(event) => skipTo(event, main)}>Skip to the content</a>
    <header>
      <a class="name" href="#/jobs">${NAME}</a>
      <nav aria-label="Views">
        ${VIEWS.map(({name, title}) => {
          const current = place.parts[0] === name ? 'page' : undefined;
          return html`<a key=${name} href=${linkTo(name)} aria-current=${current}>${title}</a>`;
        })}
      </nav>
      <span class="gap"></span>
      <${ClockChoice} />
      <button id="help-button" aria-label="Keyboard" title="Keyboard (?)" onClick=${() => help(true)}>?</button>
      <${Who} session=${session} />
    </header>
    <main id="main" ref=${main} tabindex="-1"><${View} place=${place} key=${view} /></main>
    ${helping && html`<${Help} close=${() => help(false)} />`}
  `;
}

function View({place}) {
  const [view, job, kind, id] = place.parts;
  if (view === 'jobs' && !job) return html`<${JobsPage} query=${place.query} />`;
  if (view === 'jobs' && (!kind || kind === 'operations')) return html`<${JobPage} job=${job} operation=${id} />`;
  if (view === 'operations') return html`<${AllOperations} />`;
  if (view === 'uploads') return html`<${Uploads} query=${place.query} />`;
  return html`<h1>Page not found</h1><p><a href="#/jobs">Go to the jobs</a></p>`;
}

/** Title and icon carry the worst status, so that it is seen among other tabs. */
function useMark(place) {
  const {data} = usePolled('/api/jobs', {all: 'jobs'});
  useEffect(() => {
    const statuses = (data?.jobs ?? []).map((job) => job.status);
    const worst = worstOf(statuses);
    const count = statuses.filter((status) => toneOf(status) === worst).length;
    const word = {bad: 'failed', warn: 'restarting', unknown: 'unknown'}[worst];
    const where = place.parts[1] ?? VIEWS.find(({name}) => name === place.parts[0])?.title ?? NAME;
    document.title = `${word ? `(${count} ${word}) ` : ''}${where} - ${NAME}`;
    document.getElementById('icon').setAttribute('href', `/ui/icons/${worst}.svg`);
  }, [data, place.parts.join('/')]);
}

function useFocusOf(main, view) {
  const first = useRef(true);
  useEffect(() => {
    if (!first.current) main.current.focus();
    first.current = false;
  }, [view]);
}

function skipTo(event, main) {
  event.preventDefault();
  main.current.focus();
}

function ClockChoice() {
  const clock = useClock();
  return html`<label>Times in
    <select id="clock" value=${clock} onChange=${(event) => setClock(event.target.value)}>
      <option value="utc">UTC</option>
      <option value="local">local time</option>
    </select>
  </label>`;
}

function Who({session}) {
  const {me} = session;
  return html`<span id="who" data-role=${me.role}>${me.name ? `${me.name}, ` : ''}${me.role}</span>
    <button id="sign-out" onClick=${signOut}>Sign out</button>`;
}

function SignIn({session}) {
  const {by, problem} = session;
  useEffect(() => {
    document.title = `Sign in - ${NAME}`;
    document.getElementById('icon').setAttribute('href', '/ui/icons/off.svg');
  }, []);
  return html`<main class="narrow">
    <h1>${NAME}</h1>
    ${problem && html`<p id="sign-in-problem" role="alert">${problem.detail}</p>`}
    ${by === 'key' ? html`<${KeyForm} />` : html`<${EntraButton} />`}
  </main>`;
}

function KeyForm() {
  const [key, set] = useState('');
  const [busy, work] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    work(true);
    await signInWithKey(key.trim());
    work(false);
  };
  return html`<form id="key-form" onSubmit=${submit}>
    <label for="key">Function key</label>
    <input id="key" type="password" autocomplete="off" spellcheck="false" required value=${key}
      onInput=${(event) => set(event.target.value)} />
    <button id="sign-in" disabled=${busy || !key.trim()}>Sign in</button>
    <p class="hint">The key stays in this tab until you sign out or close it, and is sent in a header only. The portal
      shows it under the app’s “App keys”.</p>
  </form>`;
}

function EntraButton() {
  return html`<button id="sign-in" onClick=${signInWithEntra}>Sign in with Microsoft Entra ID</button>
    <p class="hint">You need the role reader or operator of this app.</p>`;
}

render(html`<${App} />`, document.getElementById('app'));
start();
