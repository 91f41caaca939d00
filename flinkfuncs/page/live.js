// Keeps what is shown up to date, by asking again: every 2 s while something is open, every 15 s otherwise, and not at
// all while the tab is hidden. After an error the pauses grow, up to a minute. Components that show the same path share
// one poll.
import {get, getAll} from './api.js';
import {useEffect, useState} from './preact.js';
import {isBusy} from './status.js';

export const QUICK_MS = 2_000;
export const SLOW_MS = 15_000;
const LONGEST_MS = 60_000;
const MOST_KEPT = 100; // paths whose last answer is kept for when somebody comes back to them
const feeds = new Map();
const NOTHING = {data: undefined, problem: undefined, at: undefined};

class Feed {
  constructor(path, all) {
    this.path = path;
    this.all = all;
    this.state = NOTHING;
    this.listeners = new Map(); // listener -> whether it wants quick polls
    this.failures = 0;
    this.timer = undefined;
    this.asking = undefined;
  }

  subscribe(listener, quick) {
    this.listeners.set(listener, quick);
    if (!document.hidden && (this.listeners.size === 1 || quick)) this.refresh();
    return () => {
      this.listeners.delete(listener);
      if (!this.listeners.size) clearTimeout(this.timer);
    };
  }

  refresh = () => {
    clearTimeout(this.timer);
    this.asking ??= this.ask().finally(() => {
      this.asking = undefined;
      this.schedule();
    });
    return this.asking;
  };

  async ask() {
    try {
      const data = await (this.all ? getAll(this.path, this.all) : get(this.path));
      this.failures = 0;
      this.state = {data, problem: undefined, at: new Date()};
    } catch (problem) {
      this.failures += 1;
      // What was seen last stays: an API that is silent says nothing about the jobs. What is gone (4xx) is gone.
      const gone = problem.status >= 400 && problem.status < 500 && problem.status !== 429;
      this.state = {...(gone ? NOTHING : this.state), problem};
    }
    for (const listener of [...this.listeners.keys()]) listener(this.state);
  }

  schedule() {
    clearTimeout(this.timer);
    if (this.listeners.size && !document.hidden) this.timer = setTimeout(this.refresh, this.pause());
  }

  pause() {
    const {data, problem} = this.state;
    if (problem?.retryAfter) return Math.min(LONGEST_MS, problem.retryAfter * 1000);
    if (problem) return Math.min(LONGEST_MS, QUICK_MS * 2 ** (this.failures - 1));
    return isOpen(data) || [...this.listeners.values()].some(Boolean) ? QUICK_MS : SLOW_MS;
  }
}

document.addEventListener('visibilitychange', () => {
  for (const feed of feeds.values()) {
    if (document.hidden) clearTimeout(feed.timer);
    else if (feed.listeners.size) feed.refresh();
  }
});

/**
 * What a GET of `path` finds, kept up to date: {data, problem, at, refresh}. `data` is what was found last, also while
 * `problem` says why there is nothing newer; `at` is when. A path of null is not asked for.
 * `all` names the field of a list that comes in pages; `quick` asks every 2 s, whatever was found.
 */
export function usePolled(path, {all, quick = false} = {}) {
  const [seen, see] = useState({path: null, state: NOTHING});
  useEffect(() => {
    if (!path) return undefined;
    const feed = feedOf(path, all);
    const listener = (state) => see({path, state});
    listener(feed.state);
    return feed.subscribe(listener, quick);
  }, [path, all, quick]);
  const state = path && seen.path !== path ? (feeds.get(path)?.state ?? NOTHING) : seen.state;
  return {...(path ? state : NOTHING), refresh: () => (path ? feedOf(path, all).refresh() : Promise.resolve())};
}

/** Ask again at once for everything that is shown: something was just done. */
export function refreshAll() {
  for (const feed of feeds.values()) if (feed.listeners.size) feed.refresh();
}

/** Forget everything: somebody else may sign in. */
export function forget() {
  for (const feed of feeds.values()) clearTimeout(feed.timer);
  feeds.clear();
}

/** Whether something in an answer of the API waits or is under way, so that it will soon be different. */
export function isOpen(data) {
  if (!data) return false;
  const under = (operation) => operation.state === 'open' && !operation.heldUntil;
  const job = (one) => one.openCount > 0 || one.open?.length > 0 || isBusy(one.status);
  return under(data) || job(data) || (data.jobs ?? []).some(job) || (data.operations ?? []).some(under);
}

function feedOf(path, all) {
  if (!feeds.has(path)) {
    if (feeds.size >= MOST_KEPT) {
      const [old] = [...feeds].find(([, feed]) => !feed.listeners.size) ?? [];
      feeds.delete(old);
    }
    feeds.set(path, new Feed(path, all));
  }
  return feeds.get(path);
}
