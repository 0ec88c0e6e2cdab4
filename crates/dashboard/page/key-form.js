// Asks for the API key.
import { takeKey } from './api.js';
import { Field, html, useState } from './ui.js';
import { t } from './words.js';

export function KeyForm({ refused }) {
  const [value, setValue] = useState('');
  const submit = (event) => {
    event.preventDefault();
    takeKey(value.trim());
  };
  return html`<form class="card narrow" onSubmit=${submit}>
    <h1>${t('API key')}</h1>
    <p>${t('The gateway printed it at its first start. It is also in the file api_key in the folder auth_info.')}</p>
    ${refused ? html`<p class="problem" role="alert">${t('That key is not right.')}</p>` : null}
    <${Field} label=${t('API key')} hint=${t('It stays in this tab and is forgotten when you close it.')}>
      ${(id, hint) => html`<input id=${id} aria-describedby=${hint} type="password" autocomplete="current-password" spellcheck="false"
        required autofocus value=${value} onInput=${(event) => setValue(event.target.value)} />`}
    <//>
    <div class="actions"><button type="submit">${t('Open')}</button></div>
  </form>`;
}
