// What all panels are made of.
import {html, useEffect, useRef, useState} from '../preact.js';
import {Ago, Time, shortId} from '../format.js';
import {linkTo} from '../router.js';

/** A part of a job's view, under a heading of its own. `note` stands beside the heading. */
export function Panel({id, title, note, children}) {
  return html`<section id=${id} class="panel" aria-labelledby=${`${id}-title`}>
    <h2 id=${`${id}-title`} tabindex="-1">${title}${note && html` <span class="note">${note}</span>`}</h2>
    ${children}
  </section>`;
}

/** Names and values; what has no value is left out. */
export function Facts({of}) {
  const facts = of.filter(([, value]) => value !== undefined && value !== null && value !== false && value !== '');
  return html`<dl class="facts">
    ${facts.map(([name, value, id]) => html`<div key=${name} id=${id}><dt>${breakable(name)}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}

/** A dotted name, which may go on in the next line after a dot. */
export function breakable(name) {
  return name.split('.').flatMap((part, index) => (index ? ['.', html`<wbr />`, part] : [part]));
}

const COPIED_MS = 2000;

/** A text that people carry elsewhere, with a button that copies it; `shown` may be shorter than the text. */
export function Copyable({text, what, shown = text}) {
  const [said, say] = useState('');
  const code = useRef(null);
  useEffect(() => {
    if (!said) return undefined;
    const timer = setTimeout(() => say(''), COPIED_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      say('Copied');
    } catch {
      // Plain http on another machine has no clipboard: the text is selected, for Ctrl+C.
      getSelection().selectAllChildren(code.current);
      say('Selected');
    }
  };
  return html`<span class="copyable" data-text=${text}>
    <code ref=${code} title=${shown === text ? undefined : text}>${shown}</code>
    <button class="copy" aria-label=${`Copy ${what}`} onClick=${copy}>${said || 'Copy'}</button>
    <span class="unseen" role="status">${said && `${said} ${what}`}</span>
  </span>`;
}

/** An id of 32 or 64 digits: its beginning, and a button that copies all of it. */
export function Id({of, what}) {
  return html`<${Copyable} text=${of} what=${what} shown=${shortId(of)} />`;
}

/** `2026-11-21 01:49:16 UTC (3 h ago)` */
export function When({at, now}) {
  return html`<span class="when"><${Time} at=${at} /> (<${Ago} at=${at} now=${now} />)</span>`;
}

export function OperationLink({job, id, children}) {
  return html`<a href=${linkTo('jobs', job, 'operations', id)}>${children}</a>`;
}

/** A word on a coloured ground; the word says it all. */
export function Mark({kind = 'plain', title, children}) {
  return html`<span class=${`mark ${kind}`} title=${title}>${children}</span>`;
}

/** Why something could not be read: never a word about the job itself. */
export function NotKnown({problem}) {
  return problem && html`<p class="not-known" role="status">Could not be read: ${problem.detail ?? problem}</p>`;
}

/** A table; each row is {key, cells, ...attributes}. It becomes cards on a phone, so its roles are named. */
export function List({id, titles, rows}) {
  return html`<table id=${id} class="list" role="table">
    <thead role="rowgroup"><tr role="row">
      ${titles.map((title) => html`<th key=${title} scope="col" role="columnheader">${title}</th>`)}
    </tr></thead>
    <tbody role="rowgroup">
      ${rows.map(({key, cells, ...attributes}) => html`<tr key=${key} role="row" ...${attributes}>
        ${cells.map((cell, index) => html`<td key=${index} role="cell" data-label=${titles[index]}>${cell ?? '–'}</td>`)}
      </tr>`)}
    </tbody>
  </table>`;
}

/** JSON for people who want all of it. */
export function Json({of, what}) {
  const text = JSON.stringify(of, null, 2);
  return html`<div class="json"><${Copyable} text=${text} what=${what} shown="JSON" />
    <pre tabindex="0" role="region" aria-label=${what}>${text}</pre></div>`;
}

/** Seconds between two times. */
export function secondsBetween(begin, end) {
  return Math.max(0, (new Date(end) - new Date(begin)) / 1000);
}
