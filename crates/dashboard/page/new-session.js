// Another number: a name for its session, then the way to link it.
import { post } from './api.js';
import { go, to } from './route.js';
import { put } from './sessions.js';
import { Field, html, Problem, useAction, useState } from './ui.js';
import { t } from './words.js';

export function NewSession() {
  const [name, setName] = useState('');
  const { run, busy, error } = useAction();
  const make = (event) => {
    event.preventDefault();
    run(async () => {
      const session = await post('api/sessions', { name });
      put(session);
      go('s', session.name);
    });
  };
  return html`<form class="card narrow" onSubmit=${make}>
    <h1>${t('Link a number')}</h1>
    <p>${t('Each number is a session. Its name stands in the API’s paths; people never see it.')}</p>
    <${Field} label=${t('Name of the session')} hint=${t('1 to 54 letters, digits, _ or -')}>
      ${(id, hint) => html`<input id=${id} aria-describedby=${hint} pattern="[A-Za-z0-9_\\-]{1,54}" autocomplete="off" spellcheck="false" required value=${name} onInput=${(event) => setName(event.target.value)} />`}
    <//>
    <${Problem} error=${error} />
    <div class="actions"><button type="submit" disabled=${busy} aria-busy=${busy}>${t('Create and link')}</button><a class="button second" href=${to()}>${t('Cancel')}</a></div>
  </form>`;
}
