// What is shown while there is no job: how the first one comes to be.
import {html} from './preact.js';

const UPLOAD = `az storage blob upload --auth-mode login --account-name <jars account> \\
  --container-name jars --name stateful/orders/orders-1.jar --file orders-1.jar`;
const COMMAND = 'flinkfuncs deploy orders-1.jar --job orders --wait';

export function FirstJar() {
  return html`<section id="first-jar">
    <p>There are no jobs yet. Upload a first jar to the folder with the job’s name to start one.</p>
    <pre tabindex="0"><code>${UPLOAD}</code></pre>
    <p>Or use the command line:</p>
    <pre tabindex="0"><code>${COMMAND}</code></pre>
    <p>An upload below <code>stateful/</code> continues from the state of the previous run;
      ${' '}one below <code>stateless/</code> starts without state.</p>
    <p>To see uploads that did not start a job, open ${' '}<a href="#/uploads">Uploads</a>.</p>
  </section>`;
}
