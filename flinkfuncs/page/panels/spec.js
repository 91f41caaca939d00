// A release's spec, field by field; the same fields are what two releases are compared by.
import {html} from '../preact.js';
import {sizeText} from '../format.js';

const NAMES = {
  entryClass: 'Entry class',
  args: 'Arguments',
  parallelism: 'Parallelism',
  savepointDirectory: 'Savepoint directory',
  savepointFormat: 'Savepoint format',
  allowNonRestoredState: 'Allow non-restored state',
  onFailure: 'On failure',
  savepointRetentionCount: 'Savepoints retained',
  savepointRetentionDays: 'Savepoints retained (days)',
  requireSlots: 'Require slots',
  updateWindow: 'Update window',
};
const STARS = '******';

/** Pairs for `Facts`, of a release or of a request: that has a spec alone. */
export function specLines(release) {
  return [...fields(release)].map(([name, value]) => [titleOf(name), html`<code>${value}</code>`]);
}

/** [{field, title, before, after}] of what is not alike; undefined where a side does not say it. */
export function differences(before, after) {
  const [old, young] = [new Map(fields(before)), new Map(fields(after))];
  const names = [...new Set([...old.keys(), ...young.keys()])];
  return names
    .filter((name) => old.get(name) !== young.get(name))
    .map((field) => ({field, title: titleOf(field), before: old.get(field), after: young.get(field)}));
}

/** Whether something of a release is starred, so that two that look alike may differ. */
export function isStarred(release) {
  return JSON.stringify(release.spec).includes(STARS);
}

function* fields(release) {
  if (release.jarName) {
    yield ['jarName', release.jarName];
    yield ['sha256', release.sha256];
    yield ['sizeBytes', `${release.sizeBytes} (${sizeText(release.sizeBytes)})`];
  }
  for (const [name, value] of Object.entries(release.spec)) {
    if (name === 'flinkConfiguration') {
      for (const [key, set] of Object.entries(value).sort()) yield [`flinkConfiguration.${key}`, String(set)];
    } else {
      yield [name, textOf(value)];
    }
  }
}

function textOf(value) {
  if (Array.isArray(value)) return value.map((word) => (/\s|^$/.test(word) ? JSON.stringify(word) : word)).join(' ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function titleOf(name) {
  if (name.startsWith('flinkConfiguration.')) return name.slice('flinkConfiguration.'.length);
  return NAMES[name] ?? {jarName: 'Jar', sha256: 'SHA-256 of the jar', sizeBytes: 'Size'}[name] ?? name;
}
