// How long the last updates took, for how long nothing ran, and how large the savepoints were: drawn, and as tables.
import {html} from '../preact.js';
import {Time, durationText, sizeText, timeText, useClock} from '../format.js';
import {List, OperationLink, Panel, secondsBetween} from './parts.js';
import {Status, wordOf} from '../status.js';

const ACTIONS = ['UPDATE', 'STATELESS_UPDATE', 'LAST_STATE_UPDATE'];
const UNTOUCHED = ['REFUSED', 'SUPERSEDED'];
const MOST = 20;
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [320, 130, 46, 18, 8];

export function Plots({job, operations, savepoints}) {
  const updates = updatesOf(operations ?? []);
  const sizes = (savepoints ?? []).filter(({sizeBytes}) => sizeBytes !== undefined).sort((one, other) => one.takenAt.localeCompare(other.takenAt));
  return html`<${Panel} id="plots" title="Durations and sizes">
    <div class="plots">
      ${operations && html`<${Updates} job=${job} updates=${updates} />`}
      ${savepoints && html`<${Sizes} sizes=${sizes} />`}
    </div>
  <//>`;
}

function Updates({job, updates}) {
  const title = `Duration and downtime of the last ${updates.length} updates`;
  if (!updates.length) return html`<figure id="plot-updates"><figcaption>Duration and downtime of updates</figcaption><p class="note">There is no update among the operations above.</p></figure>`;
  const most = Math.max(...updates.map(({seconds}) => seconds), 0.1);
  const slot = (WIDTH - LEFT) / updates.length;
  const wide = Math.min(slot * 0.7, 24);
  return html`<figure id="plot-updates">
    <figcaption>${title}: <span class="key down">downtime</span> as part of the <span class="key took">duration</span>, amber where the update did not succeed</figcaption>
    <svg class="plot" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${`${title}: the table below has the numbers.`}>
      <${Axis} most=${most} text=${durationText} />
      ${updates.map(({id, action, outcome, seconds, down, endedAt}, index) => {
        const x = LEFT + slot * index + (slot - wide) / 2;
        return html`<g key=${id}><title>${wordOf(action)}, ${wordOf(outcome)}, ${timeText(endedAt)}: ${durationText(seconds)}${down === undefined ? '' : `, downtime ${durationText(down)}`}</title>
          <rect class=${`took ${outcome === 'SUCCEEDED' ? '' : 'not-well'}`} x=${x} width=${wide} ...${bar(seconds, most)} />
          ${down !== undefined && html`<rect class="down" x=${x} width=${wide} ...${bar(down, most)} />`}
        </g>`;
      })}
      <text class="label" x=${LEFT} y=${HEIGHT - 4}>older</text>
      <text class="label" x=${WIDTH} y=${HEIGHT - 4} text-anchor="end">newer</text>
    </svg>
    <details><summary>As a table</summary>
      <${List} id="updates-table" titles=${['Ended', 'Operation', 'Outcome', 'Duration', 'Downtime']}
        rows=${[...updates].reverse().map(({id, action, outcome, seconds, down, endedAt}) => ({
          key: id,
          cells: [html`<${Time} at=${endedAt} />`, html`<${OperationLink} job=${job} id=${id}>${wordOf(action)}<//>`, html`<${Status} of=${outcome} />`, durationText(seconds), down === undefined ? undefined : durationText(down)],
        }))} />
    </details>
  </figure>`;
}

function Sizes({sizes}) {
  const clock = useClock();
  if (sizes.length < 2) return html`<figure id="plot-sizes"><figcaption>Sizes of savepoints</figcaption><p class="note">At least two savepoints of a known size are needed.</p></figure>`;
  const title = `Sizes of ${sizes.length} savepoints`;
  const most = Math.max(...sizes.map(({sizeBytes}) => sizeBytes), 1);
  const [first, last] = [sizes[0].takenAt, sizes.at(-1).takenAt];
  const span = Math.max(secondsBetween(first, last), 1);
  const points = sizes.map(({takenAt, sizeBytes, path, origin}) => ({
    path, takenAt, sizeBytes, origin,
    x: LEFT + 5 + (secondsBetween(first, takenAt) / span) * (WIDTH - LEFT - 10),
    y: TOP + (1 - sizeBytes / most) * (HEIGHT - TOP - BOTTOM),
  }));
  return html`<figure id="plot-sizes">
    <figcaption>${title}</figcaption>
    <svg class="plot" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${`${title}: the table below has the numbers.`}>
      <${Axis} most=${most} text=${sizeText} />
      <polyline class="sizes" points=${points.map(({x, y}) => `${x},${y}`).join(' ')} />
      ${points.map(({path, takenAt, sizeBytes, origin, x, y}) => html`<circle key=${path} class=${origin === 'orphan' ? 'orphan' : 'known'} cx=${x} cy=${y} r="3"><title>${timeText(takenAt)}: ${sizeText(sizeBytes)}, ${wordOf(origin)}</title></circle>`)}
      <text class="label" x=${LEFT} y=${HEIGHT - 4}>${timeText(first, clock).slice(0, 10)}</text>
      <text class="label" x=${WIDTH} y=${HEIGHT - 4} text-anchor="end">${timeText(last, clock).slice(0, 10)}</text>
    </svg>
    <details><summary>As a table</summary>
      <${List} id="sizes-table" titles=${['Taken', 'Size', 'Origin']}
        rows=${[...sizes].reverse().map(({path, takenAt, sizeBytes, origin}) => ({key: path, cells: [html`<${Time} at=${takenAt} />`, sizeText(sizeBytes), wordOf(origin)]}))} />
    </details>
  </figure>`;
}

/** Two lines with what they stand for. */
function Axis({most, text}) {
  const [top, bottom] = [TOP, HEIGHT - BOTTOM];
  return html`<line class="axis" x1=${LEFT} x2=${WIDTH} y1=${top} y2=${top} /><line class="axis" x1=${LEFT} x2=${WIDTH} y1=${bottom} y2=${bottom} />
    <text class="label" x=${LEFT - 4} y=${top + 4} text-anchor="end">${text(most)}</text>
    <text class="label" x=${LEFT - 4} y=${bottom + 3} text-anchor="end">0</text>`;
}

function bar(value, most) {
  const height = Math.max((value / most) * (HEIGHT - TOP - BOTTOM), 1);
  return {y: HEIGHT - BOTTOM - height, height};
}

/** Those that began and touched the job, oldest first. */
function updatesOf(operations) {
  const ended = operations.filter(({request, result, drivenAt}) => ACTIONS.includes(request.action) && result && drivenAt && !UNTOUCHED.includes(result.outcome));
  return ended.slice(0, MOST).reverse().map(({id, request, result, drivenAt, downtime}) => ({
    id,
    action: request.action,
    outcome: result.outcome,
    endedAt: result.endedAt,
    seconds: tenths(secondsBetween(drivenAt, result.endedAt)),
    down: downtime?.until ? tenths(secondsBetween(downtime.since, downtime.until)) : undefined,
  }));
}

function tenths(seconds) {
  return Math.round(seconds * 10) / 10;
}
