// Linking goes on with the account's passkey, which a browser shows only to WhatsApp's own page.
import { get, path, post } from './api.js';
import { put } from './sessions.js';
import { Button, Code, Field, html, Problem, useAction, useLoad, useState } from './ui.js';
import { t } from './words.js';

export function Passkey({ session }) {
  return session.status === 'PASSKEY_REQUIRED' ? html`<${Required} session=${session} />` : html`<${Comparison} session=${session} />`;
}

/** What runs on WhatsApp's page: asks for the passkey, and gives the answer as text. */
const program = (challenge) => `const asked = PublicKeyCredential.parseRequestOptionsFromJSON(${JSON.stringify(challenge)});
const answer = await navigator.credentials.get({ publicKey: asked });
copy(JSON.stringify(answer));`;

function Required({ session }) {
  const { data, error } = useLoad((signal) => get(path`api/${session.name}/auth/passkey/challenge`, signal), [session.name, session.statuses?.at(-1)?.timestamp]);
  const [answer, setAnswer] = useState('');
  const action = useAction();
  const send = (event) => {
    event.preventDefault();
    action.run(async () => post(path`api/${session.name}/auth/passkey`, JSON.parse(answer)));
  };
  return html`<div class="passkey">
    <h3>${t('The phone asks for the passkey of the account')}</h3>
    <p>${t('A browser shows this passkey only to WhatsApp’s own page. So the answer is made there and brought here:')}</p>
    <ol>
      <li>${t('Open web.whatsapp.com in another tab of this browser, and there the developer tools (F12), “Console”.')}</li>
      <li>${t('Paste this and press Enter. Read it first: it asks for the passkey and copies the answer, no more.')}
        ${data ? html`<${Code} text=${program(data)} label=${t('Program for the console')} />` : null}</li>
      <li>${t('Choose the passkey, come back and paste the answer:')}</li>
    </ol>
    <${Problem} error=${error} />
    <form onSubmit=${send}>
      <${Field} label=${t('Answer of the passkey')}>
        ${(id) => html`<textarea id=${id} rows="4" spellcheck="false" required value=${answer} onInput=${(event) => setAnswer(event.target.value)}></textarea>`}
      <//>
      <${Problem} error=${action.error instanceof SyntaxError ? { message: t('That is not the answer of a passkey: it is no JSON.') } : action.error} />
      <div class="actions"><button type="submit" disabled=${action.busy}>${t('Go on')}</button></div>
    </form>
  </div>`;
}

function Comparison({ session }) {
  const { data, error } = useLoad((signal) => get(path`api/${session.name}/auth/passkey/confirmation`, signal), [session.name, session.statuses?.at(-1)?.timestamp]);
  const action = useAction();
  const same = () => action.run(() => post(path`api/${session.name}/auth/passkey/confirm`));
  const other = () => action.run(async () => put(await post(path`api/sessions/${session.name}/stop`)));
  return html`<div class="passkey">
    <h3>${t('Does the phone show the same code?')}</h3>
    ${data ? html`<p class="big-code"><output>${data.code}</output></p>` : null}
    <${Problem} error=${error ?? action.error} />
    <p>${t('If the codes differ, somebody else may be linking: stop then.')}</p>
    <div class="actions">
      <${Button} busy=${action.busy} onClick=${same}>${t('Yes, the same')}<//>
      <${Button} kind="danger" busy=${action.busy} onClick=${other}>${t('No, stop')}<//>
    </div>
  </div>`;
}
