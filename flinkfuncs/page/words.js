// The words for what the API calls by short names.
const CAUSES = {upload: 'an upload', http: 'a call', arm: 'the ARM API', timer: 'the schedule'};
const STEPS = {
  Keep: 'keep the jar',
  UploadJar: 'send the jar to Flink',
  PlaceJar: 'put the jar in its place',
  Check: 'check the release',
  Stop: 'stop with a savepoint',
  Trigger: 'take a savepoint',
  Cancel: 'cancel',
  Start: 'start',
  TakeCheckpoint: 'prove it with a checkpoint',
  Submit: 'send runJob',
};

/** What asked for an operation: 'by an upload'. */
export function byText(kind) {
  return `by ${CAUSES[kind] ?? kind}`;
}

/** What a step does: 'take a savepoint'. */
export function stepText(step) {
  return STEPS[step] ?? step;
}
