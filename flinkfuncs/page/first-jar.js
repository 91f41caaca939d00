// What is shown while there is no job: how the first one comes to be.
import {html} from './preact.js';

const UPLOAD = `az storage blob upload --auth-mode login --account-name <jars account> \\
  --container-name jars --name stateful/orders/orders-1.jar --file orders-1.jar`;
const COMMAND = 'flinkfuncs deploy orders-1.jar --job orders --wait';

export function FirstJar() {
  return html`<section id="first-jar">
    <p>There is no job yet. A job begins with its first jar: upload it into the folder of the job’s name, and it runs.</p>
    <pre tabindex="0"><code>${UPLOAD}</code></pre>
    <p>With the command line it is:</p>
    <pre tabindex="0"><code>${COMMAND}</code></pre>
    <p>An upload below <code>stateful/</code> goes on from the state of the run before it;
      ${' '}one below <code>stateless/</code> begins without.</p>
    <p>What was uploaded and did not become a job is under ${' '}<a href="#/uploads">Uploads</a>.</p>
  </section>`;
}
