// Which actions are possible with a job as it is, and why not? The facts are those by which the API refuses; where a
// status is none of these (behind the ARM API they are the service's own words), the API alone knows: a dry run asks it.
//
//   status                                        START  RE_LAUNCH  STOP  SAVEPOINT  CANCEL  DELETE  the updates
//   RUNNING                                       -      -          yes   yes        yes     -       yes
//   RESTARTING STARTING CANCELLING                -      -          -     -          yes     -       yes
//   STOPPED FINISHED                              yes    -          -     -          -       yes     yes
//   FAILED CANCELED VANISHED NONE NEVER_STARTED   yes    yes        -     -          -       yes     yes
//   UNKNOWN and others                            yes    yes        yes   yes        yes     yes     yes
import {wordOf} from '../status.js';

const ENDING = ['RESTARTING', 'STARTING', 'CANCELLING'];
const RESTS = ['STOPPED', 'FINISHED', 'FAILED', 'CANCELED', 'VANISHED', 'NONE', 'NEVER_STARTED'];
const MEANT = ['STOPPED', 'FINISHED']; // it did not fail

/** Why an action is not possible with a job; null where it is, as far as can be known here. */
export function whyNot(action, {status, release, open, uploads}) {
  const [runs, rests] = [status === 'RUNNING' || ENDING.includes(status), RESTS.includes(status)];
  const is = `The job’s status is “${wordOf(status)}”`;
  switch (action) {
    case 'start':
    case 're-launch':
      if (runs) return `${is}: there is nothing to start.`;
      if (!release) return 'No release of this job is known. Update it with a jar.';
      if (action === 're-launch' && MEANT.includes(status)) return `${is}: use Start instead.`;
      return null;
    case 'stop':
    case 'savepoint':
      if (rests) return `${is}: nothing is running.`;
      if (ENDING.includes(status)) return `${is}: no savepoint can be taken now. Cancel ends the job and keeps its newest checkpoint.`;
      return null;
    case 'cancel':
      return rests ? `${is}: nothing is running.` : null;
    case 'delete':
      return runs ? `${is}: stop or cancel it first.` : null;
    case 'abandon':
      return open.length || uploads?.held.length ? null : 'No operation of this job is open.';
    case 'pause':
      return uploads?.paused ? 'Uploads are already paused.' : null;
    case 'resume':
      return uploads?.paused || uploads?.held.length ? null : 'Uploads are not paused, and no upload is held.';
    case 'go-back':
      return release ? null : 'No release of this job is known.';
    default:
      return null;
  }
}
