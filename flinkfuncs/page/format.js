// Times, ages, lengths of time and sizes, as text.
//
// There is one clock for the whole page, UTC or the browser's own zone; it is remembered, and each time names its zone.
import {html, useEffect, useState} from './preact.js';
import {store} from './store.js';

const REMEMBERED = 'flinkfuncs.clock';
const ZONE = new Intl.DateTimeFormat().resolvedOptions().timeZone;
const clock = store(localStorage.getItem(REMEMBERED) === 'local' ? 'local' : 'utc');

/** 'utc' or 'local', in a component. */
export const useClock = clock.use;

export function setClock(kind) {
  localStorage.setItem(REMEMBERED, kind);
  clock.set(kind);
}

/** '2026-11-21 01:49:16 UTC', or '2026-11-21 02:49:16 GMT+1'. */
export function timeText(at, kind = clock.get()) {
  const parts = partsOf(new Date(at), kind === 'utc' ? 'UTC' : ZONE);
  return `${parts.year}-${parts.month}-${parts.day} ${parts.hour}:${parts.minute}:${parts.second} ${parts.timeZoneName}`;
}

const formats = new Map();
function partsOf(date, timeZone) {
  if (!formats.has(timeZone)) {
    const two = '2-digit';
    const fields = {year: 'numeric', month: two, day: two, hour: two, minute: two, second: two, hourCycle: 'h23'};
    formats.set(timeZone, new Intl.DateTimeFormat('en-GB', {...fields, timeZone, timeZoneName: 'short'}));
  }
  return Object.fromEntries(formats.get(timeZone).formatToParts(date).map(({type, value}) => [type, value]));
}

/** Seconds as '0.9 s', '42 s', '3 min 20 s', '5 h 12 min', '4 d 3 h'. */
export function durationText(seconds) {
  if (seconds < 10 && !Number.isInteger(seconds)) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const [big, small, first, second] =
    whole < 3600 ? [60, 1, 'min', 's'] : whole < 86400 ? [3600, 60, 'h', 'min'] : [86400, 3600, 'd', 'h'];
  const rest = Math.floor((whole % big) / small);
  return `${Math.floor(whole / big)} ${first}${rest ? ` ${rest} ${second}` : ''}`;
}

/** How long ago: 'just now', '42 s ago', '3 min ago', '5 h ago', '4 d ago'; 'in 3 min' of what is to come. */
export function agoText(at, now = Date.now()) {
  const seconds = Math.round((now - new Date(at)) / 1000);
  if (Math.abs(seconds) < 5) return 'just now';
  const length = roughly(Math.abs(seconds));
  return seconds < 0 ? `in ${length}` : `${length} ago`;
}

function roughly(seconds) {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 2 * 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

/** Bytes as '734 MB', in powers of 1000 as storage is billed. */
export function sizeText(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) {
    bytes /= 1000;
    unit += 1;
  }
  return `${unit && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
}

/** The first characters of a hash. */
export function shortId(id) {
  return id.slice(0, 12);
}

/** The present, renewed every so many seconds: for ages. */
export function useNow(seconds = 5) {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => document.hidden || set(Date.now()), seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds]);
  return now;
}

/** `<Time at="2026-11-21T01:49:16Z" />`: in the chosen clock; ISO 8601 in UTC stands in its title. */
export function Time({at}) {
  const kind = useClock();
  return html`<time datetime=${iso(at)} title=${iso(at)}>${timeText(at, kind)}</time>`;
}

/** `<Ago at=… />`: how long ago; the time stands in its title. `now` spares a clock of its own where there are many. */
export function Ago({at, now}) {
  const kind = useClock();
  return html`<time datetime=${iso(at)} title=${timeText(at, kind)}>${agoText(at, now)}</time>`;
}

function iso(at) {
  return new Date(at).toISOString();
}
