// The list of jobs: one line each, filtered, sorted, and walked through by keyboard.
import {Ago, Time, shortId, useNow} from './format.js';
import {FirstJar} from './first-jar.js';
import {PageActions} from './actions/buttons.js';
import {html, useMemo, useRef} from './preact.js';
import {useKeys} from './keys.js';
import {usePolled} from './live.js';
import {linkTo, replace} from './router.js';
import {Stale} from './stale.js';
import {Shape, Status, rankOf, toneOf, wordOf} from './status.js';

const byName = (one, other) => (one.name < other.name ? -1 : one.name > other.name ? 1 : 0);
const byTime = (at) => (one, other) => (at(other) ?? '').localeCompare(at(one) ?? '');
const SORTS = {
  status: {title: 'Status', compare: (one, other) => rankOf(one.status) - rankOf(other.status)},
  name: {title: 'Job', compare: byName},
  since: {title: 'Since', compare: byTime(since)},
  release: {title: 'Release', compare: (one, other) => releaseText(one).localeCompare(releaseText(other))},
  savepoint: {title: 'Newest savepoint', compare: byTime((job) => job.lastSavePointAt)},
  open: {title: 'Open', compare: (one, other) => other.openCount - one.openCount},
  last: {title: 'Last operation', compare: byTime((job) => job.last?.endedAt)},
};
const COLUMNS = Object.keys(SORTS);

export function JobsPage({query}) {
  const polled = usePolled('/api/jobs', {all: 'jobs'});
  const jobs = polled.data?.jobs;
  const [text, tone, sort] = [query.get('q') ?? '', query.get('tone') ?? '', query.get('sort') ?? 'name'];
  const shown = useMemo(() => sorted(filtered(jobs ?? [], text, tone), sort), [jobs, text, tone, sort]);
  const filter = useRef(null);
  const body = useRef(null);
  const ask = (changes) => replace(address({q: text, tone, sort, ...changes}));
  const step = (by) => focusRow(body.current, by);
  const keys = {j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1)};
  useKeys({...keys, Home: () => focusRow(body.current, -Infinity), End: () => focusRow(body.current, Infinity), '/': () => filter.current?.focus()});
  if (jobs?.length === 0) return html`<h1>Jobs</h1><${Stale} of=${polled} /><${PageActions} /><${FirstJar} />`;
  return html`<h1>Jobs</h1>
    <${Stale} of=${polled} />
    <${PageActions} />
    ${jobs && html`
      <div class="tools">
        <label class="filter">Filter
          <input id="filter" type="search" ref=${filter} value=${text} placeholder="name, status, release" autocomplete="off"
            aria-keyshortcuts="/" onInput=${(event) => ask({q: event.target.value})} onKeyDown=${(event) => leaveFilter(event, ask, step)} />
        </label>
        <${Tones} jobs=${jobs} tone=${tone} ask=${ask} />
        <label class="sort">Sort by
          <select id="sort" value=${sort.replace('-', '')} onChange=${(event) => ask({sort: event.target.value})}>
            ${COLUMNS.map((name) => html`<option key=${name} value=${name}>${SORTS[name].title}</option>`)}
          </select>
        </label>
        <span id="count" role="status">${shown.length === jobs.length ? `${jobs.length}` : `${shown.length} of ${jobs.length}`} ${jobs.length === 1 ? 'job' : 'jobs'}</span>
      </div>
      <${Table} jobs=${shown} sort=${sort} ask=${ask} body=${body} />
      ${shown.length === 0 && html`<p id="no-match">No job matches. <button onClick=${() => ask({q: '', tone: ''})}>Show all</button></p>`}
    `}`;
}

function Table({jobs, sort, ask, body}) {
  const now = useNow();
  return html`<table id="jobs" class="list" role="table">
    <thead role="rowgroup"><tr role="row">
      ${COLUMNS.map((name) => {
        const order = sort === name ? 'ascending' : sort === `-${name}` ? 'descending' : undefined;
        const next = order === 'ascending' ? `-${name}` : name;
        return html`<th key=${name} scope="col" role="columnheader" aria-sort=${order}>
          <button data-sort=${name} onClick=${() => ask({sort: next})}>${SORTS[name].title}</button></th>`;
      })}
    </tr></thead>
    <tbody role="rowgroup" ref=${body}>${jobs.map((job) => html`<${Row} key=${job.name} job=${job} now=${now} />`)}</tbody>
  </table>`;
}

function Row({job, now}) {
  const at = since(job);
  return html`<tr role="row" data-job=${job.name}>
    <td role="cell" data-label="Status"><${Status} of=${job.status} why=${job.statusReason} /></td>
    <td role="cell" data-label="Job"><a class="job" href=${linkTo('jobs', job.name)}>${job.name}</a></td>
    <td role="cell" data-label="Since">${at ? html`<${Ago} at=${at} now=${now} />` : '–'}</td>
    <td role="cell" data-label="Release">${job.release
      ? html`<span title=${job.release.id}>${job.release.jarName} <span class="id">${shortId(job.release.id)}</span></span>` : '–'}</td>
    <td role="cell" data-label="Newest savepoint"><${Savepoint} job=${job} now=${now} /></td>
    <td role="cell" data-label="Open"><${Open} job=${job} now=${now} /></td>
    <td role="cell" data-label="Last operation"><${Last} job=${job} now=${now} /></td>
  </tr>`;
}

function Savepoint({job, now}) {
  if (job.lastSavePointAt) return html`<span title=${job.lastSavePoint}><${Ago} at=${job.lastSavePointAt} now=${now} /></span>`;
  return job.lastSavePoint ? html`<span title=${job.lastSavePoint}>yes</span>` : 'none';
}

function Open({job, now}) {
  const [first] = job.open;
  const more = job.openCount - 1;
  const held = job.uploadsPaused ? 'uploads paused' : job.heldUntil ? html`upload held until <${Time} at=${job.heldUntil} />` : null;
  if (!first) return held ?? '–';
  return html`<a class="status busy" href=${linkTo('jobs', job.name, 'operations', first.id)}>${wordOf(first.action)}</a>${' '}
    <${Ago} at=${first.requestedAt} now=${now} />${more > 0 && `, and ${more} more`}${held && html`, ${held}`}`;
}

function Last({job: {name, last}, now}) {
  if (!last) return '–';
  return html`<a href=${linkTo('jobs', name, 'operations', last.id)} title=${last.message}>${wordOf(last.action)}</a>${' '}
    <${Status} of=${last.outcome} why=${last.message} /> <${Ago} at=${last.endedAt} now=${now} />`;
}

/** How many jobs are well, failed, unknown …; each is a filter. */
function Tones({jobs, tone, ask}) {
  const counts = new Map();
  for (const {status} of jobs) {
    const of = toneOf(status);
    counts.set(of, {status, count: (counts.get(of)?.count ?? 0) + 1});
  }
  const order = [...counts].sort(([, one], [, other]) => rankOf(one.status) - rankOf(other.status));
  return html`<span class="tones" role="group" aria-label="Filter by status">
    ${order.map(([of, {count}]) => html`<button key=${of} class="status ${of}" data-tone=${of} aria-pressed=${of === tone}
      onClick=${() => ask({tone: of === tone ? '' : of})}><${Shape} tone=${of} />${count} ${TONE_WORDS[of]}</button>`)}
  </span>`;
}

const TONE_WORDS = {bad: 'failed', warn: 'restarting', unknown: 'unknown', busy: 'changing', other: 'other', good: 'running', off: 'not running'};

/** Since when a job is as it is: since its run began, or since it ended. */
function since(job) {
  if (job.copy && !job.copy.ended) return job.copy.startedAt;
  return job.last?.endedAt;
}

function releaseText(job) {
  return job.release ? `${job.release.jarName} ${job.release.id}` : '';
}

function filtered(jobs, text, tone) {
  const terms = text.toLowerCase().split(/\s+/).filter(Boolean);
  const words = (job) => `${job.name} ${job.status} ${wordOf(job.status)} ${releaseText(job)}`.toLowerCase();
  return jobs.filter((job) => (!tone || toneOf(job.status) === tone) && terms.every((term) => words(job).includes(term)));
}

function sorted(jobs, sort) {
  const {compare} = SORTS[sort.replace('-', '')] ?? SORTS.name;
  const sign = sort.startsWith('-') ? -1 : 1;
  return [...jobs].sort((one, other) => sign * compare(one, other) || byName(one, other));
}

function address({q, tone, sort}) {
  const query = new URLSearchParams();
  if (q) query.set('q', q);
  if (tone) query.set('tone', tone);
  if (sort !== 'name') query.set('sort', sort);
  return query.size ? `#/jobs?${query}` : '#/jobs';
}

function focusRow(body, by) {
  const links = [...(body?.querySelectorAll('a.job') ?? [])];
  const at = links.indexOf(document.activeElement?.closest('tr')?.querySelector('a.job'));
  const next = at < 0 && Number.isFinite(by) ? (by > 0 ? 0 : links.length - 1) : at + by;
  links[Math.max(0, Math.min(links.length - 1, next))]?.focus();
}

function leaveFilter(event, ask, step) {
  if (event.key === 'Escape') {
    ask({q: ''});
    event.target.blur();
  } else if (event.key === 'Enter' || event.key === 'ArrowDown') {
    event.preventDefault();
    event.target.blur();
    step(1);
  }
}
