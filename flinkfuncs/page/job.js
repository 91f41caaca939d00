// A job: its panels, put together. What is shown of the job itself is polled; the rest is asked for again whenever the
// job's answer says that something of it has changed.
import {Exceptions} from './panels/exceptions.js';
import {JobActions} from './actions/buttons.js';
import {Json, Panel} from './panels/parts.js';
import {OneOperation, Timeline} from './panels/timeline.js';
import {Plots} from './panels/plots.js';
import {Releases} from './panels/releases.js';
import {Running} from './panels/running.js';
import {Savepoints} from './panels/savepoints.js';
import {Stale} from './stale.js';
import {Status} from './status.js';
import {get} from './api.js';
import {html, useEffect, useRef, useState} from './preact.js';
import {linkTo} from './router.js';
import {useNow} from './format.js';
import {usePolled} from './live.js';

const PAGE = 25; // operations that are asked for at once
const RETRY_MS = 15_000; // after something could not be read
const FLINKS_MS = 10_000; // how often the exceptions of a job that restarts are asked for
const STORAGES_MS = 300_000; // how often savepoints are looked for that no operation took
const PARTS = [
  ['running', 'Run'],
  ['operations', 'Operations'],
  ['exceptions', 'Exceptions'],
  ['savepoints', 'Savepoints'],
  ['releases', 'Releases'],
  ['plots', 'Plots'],
  ['raw', 'JSON'],
];

export function JobPage({job, operation}) {
  const path = `/api/jobs/${encodeURIComponent(job)}`;
  const polled = usePolled(path);
  const now = useNow();
  const {data, problem} = polled;
  const gone = problem?.status === 404; // a first upload that was refused leaves operations, and no job
  const state = data ? changesOf(data) : gone ? 'gone' : undefined;
  const operations = useOperations(job, state);
  const savepoints = useFound(data && `${path}/savepoints`, `${state} ${Math.floor(now / STORAGES_MS)}`);
  const releases = useFound(data && `${path}/releases`, state);
  const restarts = data?.status === 'RESTARTING' ? Math.floor(now / FLINKS_MS) : '';
  const exceptions = useFound(data && `${path}/exceptions`, `${state} ${data?.status} ${restarts}`);
  const one = usePolled(operation && `/api/operations/${encodeURIComponent(operation)}`);
  return html`
    <nav class="trail" aria-label="Breadcrumb"><a href="#/jobs">Jobs</a> / ${operation ? html`<a href=${linkTo('jobs', job)}>${job}</a> / operation` : job}</nav>
    <div class="title"><h1>${job}</h1>${data && html`<span id="status"><${Status} of=${data.status} why=${data.statusReason} /></span>`}</div>
    <${Stale} of=${polled} />
    ${data && html`<${JobActions} job=${data} />`}
    ${data && !operation && html`<${Parts} />`}
    ${operation && html`<${OneOperation} key=${operation} polled=${one} job=${job} links=${data?.links} now=${now} />`}
    ${data && html`<${Running} data=${data} savepoints=${savepoints.data?.savepoints} exceptions=${exceptions.data?.copies} now=${now} />`}
    ${(data || gone) && html`<${Timeline} job=${job} open=${data?.open ?? []} held=${data?.uploads?.held ?? []} found=${operations.found} older=${operations.older} links=${data?.links} now=${now} />`}
    ${data && html`
      <${Exceptions} found=${exceptions} now=${now} />
      <${Savepoints} job=${job} found=${savepoints} copy=${data.copy} now=${now} />
      <${Releases} job=${job} found=${releases} now=${now} />
      <${Plots} job=${job} operations=${operations.found.data?.operations} savepoints=${savepoints.data?.savepoints} />
      <${Panel} id="raw" title="JSON"><details><summary>The job as the API returns it</summary><${Json} of=${data} what="the job as JSON" /></details><//>`}
  `;
}

/** Ways to the parts of a long page. */
function Parts() {
  const to = (id) => {
    const title = document.getElementById(`${id}-title`);
    title?.scrollIntoView();
    title?.focus({preventScroll: true});
  };
  return html`<nav class="parts" aria-label="On this page">
    ${PARTS.map(([id, title]) => html`<button key=${id} data-part=${id} onClick=${() => to(id)}>${title}</button>`)}
  </nav>`;
}

/** What tells that something of a job has changed besides its status: what is open, held, and ended last. */
function changesOf({open, uploads, last, copy}) {
  const ids = [...open, ...(uploads?.held ?? [])].map(({id}) => id);
  return [last?.id, last?.endedAt, copy?.flinkJobId, copy?.ended, ...ids].join(' ');
}

/** What a GET finds, asked for again when `state` is another one; what was found before stays until then. */
function useFound(path, state) {
  const [found, keep] = useState({});
  const [tries, again] = useState(0);
  useEffect(() => {
    if (!path) return undefined;
    let wanted = true;
    let timer;
    const failed = (problem) => {
      if (!wanted) return;
      keep((before) => ({...before, problem}));
      timer = setTimeout(() => again(tries + 1), RETRY_MS);
    };
    get(path).then((data) => wanted && keep({data}), failed);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [path, state, tries]);
  return found;
}

/** The newest operations, and as many older ones as somebody asked for: whatever was seen stays, as it was seen last. */
function useOperations(job, state) {
  const {data, problem} = useFound(state !== undefined && `/api/operations?job=${encodeURIComponent(job)}&top=${PAGE}`, state);
  const [pages, keep] = useState([]);
  const [trouble, say] = useState();
  const seen = useRef(new Map());
  const older = async () => {
    try {
      const page = await get(nextLink);
      keep((before) => [...before, page]);
      say();
    } catch (found) {
      say(found);
    }
  };
  for (const page of [...pages, data ?? {}]) for (const one of page.operations ?? []) seen.current.set(one.id, one);
  const nextLink = (pages.at(-1) ?? data)?.nextLink;
  const operations = [...seen.current.values()].sort((one, other) => (one.id < other.id ? 1 : -1)); // an id begins with its time
  return {found: {problem: problem ?? trouble, data: data && {operations, nextLink}}, older};
}
