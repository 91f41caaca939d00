// The same call in a shell: by curl, and by the command line. Pure texts; the key is always $KEY, never the key itself.
//
//   {method, path, body, file}     one request; `file` is the name of the file whose bytes are its body
//   {action, job, body, file}      an action of the command line; `body` is what the API would get

const OF_ITS_OWN = ['reason', 'plan', 'savePointName', 'release']; // fields that the command line has options for

/** Several requests as lines of curl. */
export function curlOf(requests) {
  return requests.map(one).join('\n\n');
}

function one({method, path, body, file}) {
  const words = ['curl -sS', ...(method === 'GET' ? [] : [`-X ${method}`]), '-H "x-functions-key: $KEY"'];
  if (method === 'POST' && !path.includes('dryRun=')) words.push('-H "Idempotency-Key: $(openssl rand -hex 16)"');
  if (file) words.push(`--data-binary @${quoted(file)}`);
  else if (body && Object.keys(body).length) words.push(`-d ${quoted(JSON.stringify(body))}`);
  words.push(`"$APP${path}"`);
  return words.join(' \\\n  ');
}

/** An action as a command. */
export function commandOf({action, job, body = {}, file, id, yes = false}) {
  const common = [...(body.reason ? ['--reason', quoted(body.reason)] : [])];
  const sure = yes ? ['--yes'] : [];
  switch (action) {
    case 'new':
      return body.adopt ? words('flinkfuncs adopt', job, body.adopt, plan(body), common, '--wait') : deploy(job, body, file);
    case 'pause':
    case 'resume':
      return words('flinkfuncs', action, job, action === 'pause' ? common : []);
    case 'abandon':
      return words('flinkfuncs abandon', id, body.evenIfBegun ? ['--even-if-begun'] : [], sure, common);
    case 'test-message':
      return 'flinkfuncs test-message';
    case 'update':
    case 'stateless-update':
    case 'last-state-update':
      return update(action, job, body, common);
    default:
      return withBody(['flinkfuncs', action, job, savepoint(body), sure, plan(body), common, '--wait'], body);
  }
}

function update(action, job, body, common) {
  const kind = {'stateless-update': ['--stateless'], 'last-state-update': ['--last-state']}[action] ?? [];
  if (body.release) return words('flinkfuncs rollback', job, body.release, kind, '--yes', plan(body), common, '--wait');
  return withBody(['flinkfuncs update', job, kind, savepoint(body), plan(body), common, '--wait'], body);
}

/** The command line uploads the jar itself; what it has no option for is a file beside the jar. */
function deploy(job, body, file) {
  const options = {entryClass: '--entry-class', parallelism: '--parallelism', savePointName: '--savepoint'};
  const said = Object.entries(options).flatMap(([field, name]) => (body[field] ? [name, quoted(String(body[field]))] : []));
  if (body.args) said.push(`--args=${quoted(body.args)}`);
  const known = ['jar', 'args', 'plan', 'reason', ...Object.keys(options)];
  const rest = Object.fromEntries(Object.entries(body).filter(([field]) => !known.includes(field)));
  const reason = body.reason ? ['--reason', quoted(body.reason)] : [];
  const more = Object.keys(rest).length ? ['--job-json', 'job.json'] : [];
  const command = words('flinkfuncs deploy', quoted(file ?? 'orders-1.jar'), '--job', job, said, more, '--plan', reason, '--wait');
  return more.length ? `cat > job.json <<'JSON'\n${JSON.stringify(rest, null, 2)}\nJSON\n${command}` : command;
}

function withBody(command, body) {
  const rest = Object.fromEntries(Object.entries(body).filter(([field]) => !OF_ITS_OWN.includes(field)));
  if (!Object.keys(rest).length) return words(...command);
  return `${words(...command, '--body -')} <<'JSON'\n${JSON.stringify(rest, null, 2)}\nJSON`;
}

function savepoint({savePointName}) {
  return savePointName ? ['--savepoint', quoted(savePointName)] : [];
}

function plan({plan: id}) {
  return id ? ['--plan-id', id] : [];
}

function words(...each) {
  return each.flat().filter(Boolean).join(' ');
}

/** One word of a shell. */
export function quoted(text) {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
