// Who looks at the page, and what may they do? Somebody signs in with a function key, which stays in this tab until it
// is closed and is never part of an address, or with Entra, where App Service keeps a cookie.
//
//   {state: 'starting'}
//   {state: 'out', by: 'key' | 'entra', problem}     nobody is signed in; `problem` says why not any more
//   {state: 'in', by, me: {name, role}}              role is 'reader' or 'operator'
//   {state: 'broken', problem}                       the app does not say
import {Problem, get, onSignedOut, setKey} from './api.js';
import {forget} from './live.js';
import {store} from './store.js';

const KEY = 'flinkfuncs.key';
const PLACE = 'flinkfuncs.place';
const session = store({state: 'starting'});

export const useSession = session.use;

/** Whether this caller may do what changes something, in a component. */
export function useMayAct() {
  return session.use().me?.role === 'operator';
}

/** Find out who is signed in, and go to where they wanted to before they were. */
export async function start() {
  comeBack();
  onSignedOut(refused);
  try {
    const {by} = await get('/ui/sign-in.json');
    const key = by === 'key' ? sessionStorage.getItem(KEY) : '';
    if (by === 'key' && !key) session.set({state: 'out', by});
    else await meet(by, key);
  } catch (problem) {
    session.set({state: 'broken', problem});
  }
}

export async function signInWithKey(key) {
  try {
    await meet('key', key);
  } catch (problem) {
    session.set({state: 'out', by: 'key', problem});
  }
}

/** Leave the page for Entra, which leads back to it; the part behind '#' would get lost on the way. */
export function signInWithEntra() {
  sessionStorage.setItem(PLACE, location.hash);
  location.assign(`/.auth/login/aad?post_login_redirect_uri=${encodeURIComponent('/ui')}`);
}

export function signOut() {
  const {by} = session.get();
  leave();
  if (by === 'entra') location.assign(`/.auth/logout?post_logout_redirect_uri=${encodeURIComponent('/ui')}`);
  else session.set({state: 'out', by});
}

async function meet(by, key) {
  session.set({...session.get(), by});
  setKey(key);
  try {
    const me = await get('/api/me');
    if (key) sessionStorage.setItem(KEY, key);
    session.set({state: 'in', by, me});
  } catch (problem) {
    if (problem.status !== 401 && problem.status !== 403) throw problem;
    leave();
    session.set({state: 'out', by, problem: problem.status === 401 ? worded(by, key, problem) : problem});
  }
}

/** The API knows the caller no more, while the page is open. */
function refused(problem) {
  const {state, by} = session.get();
  if (state !== 'in') return;
  leave();
  session.set({state: 'out', by, problem: worded(by, true, problem)});
}

function worded(by, had, problem) {
  if (by === 'key') return new Problem(401, 'WrongKey', 'The app does not accept this key.');
  return had ? new Problem(401, problem.code, 'You are no longer signed in.') : undefined;
}

function leave() {
  sessionStorage.removeItem(KEY);
  setKey('');
  forget();
}

function comeBack() {
  const place = sessionStorage.getItem(PLACE);
  sessionStorage.removeItem(PLACE);
  if (place && !location.hash) location.hash = place;
}
