// What is shown while there is no job: how the first one comes to be.
import {html} from './preact.js';
import {useMayAct} from './session.js';

const UPLOAD = `az storage blob upload --auth-mode login --account-name <jars account> \\
  --container-name jars --name stateful/orders/orders-1.jar --file orders-1.jar`;
const COMMAND = 'flinkfuncs deploy orders-1.jar --job orders --wait';

export function FirstJar() {
  const mayAct = useMayAct();
  return html`<section id="first-jar">
    <p>There are no jobs yet. ${mayAct ? 'Press “New job”, or upload' : 'Upload'} a jar into a folder named after the job, and the app starts it:</p>
    <pre tabindex="0"><code>${UPLOAD}</code></pre>
    <p>Or with the command line:</p>
    <pre tabindex="0"><code>${COMMAND}</code></pre>
    <p>A jar below <code>stateful/</code> continues from the state of the previous run;
      ${' '}one below <code>stateless/</code> starts without state.</p>
    <p>Uploads that did not become a job are listed under ${' '}<a href="#/uploads">Uploads</a>.</p>
  </section>`;
}
