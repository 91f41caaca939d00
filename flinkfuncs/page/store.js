// A value that components share: `use` re-renders a component whenever it changes.
import {useEffect, useState} from './preact.js';

export function store(value) {
  const listeners = new Set();
  const get = () => value;
  const set = (next) => {
    if (next === value) return;
    value = next;
    for (const listener of [...listeners]) listener(next);
  };
  const subscribe = (listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const use = () => {
    const [seen, see] = useState(value);
    useEffect(() => {
      see(value);
      return subscribe(see);
    }, []);
    return seen;
  };
  return {get, set, subscribe, use};
}
