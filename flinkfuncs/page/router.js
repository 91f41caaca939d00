// Where on the page are we? It stands behind the '#' of the address, so that every place has a link of its own.
//
//   #/jobs (or nothing)             the list
//   #/jobs?q=orders&sort=status     the list, filtered and sorted
//   #/jobs/orders                   a job
//   #/jobs/orders/operations/ID     one of its operations
//   #/operations   #/uploads        of all jobs
import {store} from './store.js';

const place = store(read());
window.addEventListener('hashchange', () => place.set(read()));

/** {parts: ['jobs', 'orders'], query: URLSearchParams}, in a component. */
export const usePlace = place.use;

export function go(hash) {
  location.hash = hash;
}

/** Change the address without a step back to what it was: for filters. */
export function replace(hash) {
  history.replaceState(null, '', hash);
  place.set(read());
}

/** `#/jobs/orders`, from parts. */
export function linkTo(...parts) {
  return '#/' + parts.map(encodeURIComponent).join('/');
}

function read() {
  const hash = location.hash.replace(/^#\/?/, '');
  const [path, query = ''] = hash.split('?', 2);
  const parts = path.split('/').filter(Boolean).map(decode);
  return {parts: parts.length ? parts : ['jobs'], query: new URLSearchParams(query)};
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
