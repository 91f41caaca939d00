// The only module that calls fetch. Paths are those of the API: '/api/jobs/orders'.
//
//   get(path)                 what a GET finds; unchanged (304), it is the very same object again
//   getAll(path, field)       the same of a list that comes in pages
//   post(path, body, {key})   {status, data, location}; `key` is the Idempotency-Key, a new one where it is left out
//   put(path, body)           the same, without a key
//   upload(path, file)        the same, of a file's bytes
//
// All of them throw a Problem: {status, code, detail, retryAfter}; status 0 where nothing was answered.

const PATIENCE_MS = 60_000;
const UPLOAD_PATIENCE_MS = 600_000; // a slow line
const known = new Map(); // path -> {etag, data}: in memory alone, so nothing of it stays behind
let functionKey = '';
let signedOut = () => {};

export class Problem extends Error {
  constructor(status, code, detail, retryAfter = 0) {
    super(detail);
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.retryAfter = retryAfter; // seconds
  }
}

/** From now on calls carry this function key, or none if it is empty. */
export function setKey(key) {
  functionKey = key;
  known.clear();
}

/** `called` is called with the Problem whenever the API says that the caller is not signed in. */
export function onSignedOut(called) {
  signedOut = called;
}

const MOST_KNOWN = 200;

export async function get(path) {
  const had = known.get(path);
  const reply = await call('GET', path, had ? {'If-None-Match': had.etag} : {});
  if (reply.status === 304) return had.data;
  const data = await reply.json();
  const etag = reply.headers.get('ETag');
  known.delete(path);
  if (etag) known.set(path, {etag, data});
  if (known.size > MOST_KNOWN) known.delete(known.keys().next().value); // the one that changed longest ago
  return data;
}

export async function getAll(path, field) {
  const first = await get(path);
  if (!first.nextLink) return first;
  const items = [...first[field]];
  for (let next = first.nextLink; next; ) {
    const page = await get(next);
    items.push(...page[field]);
    next = page.nextLink;
  }
  return {...first, [field]: items, nextLink: undefined};
}

export async function post(path, body = {}, {key = newKey(), patience} = {}) {
  const headers = {'Content-Type': 'application/json', 'Idempotency-Key': key};
  return answer(await call('POST', path, headers, JSON.stringify(body), patience));
}

export async function put(path, body) {
  return answer(await call('PUT', path, {'Content-Type': 'application/json'}, JSON.stringify(body)));
}

export async function upload(path, file) {
  return answer(await call('PUT', path, {'Content-Type': 'application/octet-stream'}, file, UPLOAD_PATIENCE_MS));
}

/** A key for `post`: whoever repeats a call that may have arrived sends the same one. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function answer(reply) {
  return {status: reply.status, data: await reply.json(), location: reply.headers.get('Location')};
}

async function call(method, path, headers, body, patience = PATIENCE_MS) {
  if (functionKey) headers = {...headers, 'x-functions-key': functionKey};
  let reply;
  try {
    const signal = AbortSignal.timeout(patience);
    reply = await fetch(path, {method, headers, body, signal, cache: 'no-store', redirect: 'error'});
  } catch {
    throw new Problem(0, 'NoAnswer', 'The app did not answer.');
  }
  if (reply.ok || reply.status === 304) return reply;
  const problem = await problemOf(reply);
  if (problem.status === 401) signedOut(problem);
  throw problem;
}

async function problemOf(reply) {
  const retryAfter = Number(reply.headers.get('Retry-After')) || 0;
  try {
    const {code, detail} = await reply.json();
    return new Problem(reply.status, code, detail, retryAfter);
  } catch {
    // The host's own 401 has no body, and neither has a crash.
    const detail = reply.status === 401 ? 'The app did not accept this.' : `The app answered with status ${reply.status}.`;
    return new Problem(reply.status, 'NoDetail', detail, retryAfter);
  }
}
