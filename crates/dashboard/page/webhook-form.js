// Makes or changes a webhook.
import { randomId } from './api.js';
import { EVENTS } from './events.js';
import { Button, Check, Field, html, Problem, useAction, useState } from './ui.js';
import { t } from './words.js';

const USUAL = ['message', 'session.status'];

export function WebhookForm({ webhook, onSave, onCancel }) {
  const [url, setUrl] = useState(webhook?.url ?? '');
  const [secret, setSecret] = useState(webhook?.hmac?.key ?? '');
  const [all, setAll] = useState(webhook?.events.includes('*') ?? false);
  const [events, setEvents] = useState(new Set(webhook?.events.filter((name) => name !== '*') ?? USUAL));
  const [attempts, setAttempts] = useState(webhook?.retries?.attempts ?? '');
  const { run, busy, error } = useAction();
  const mark = (name, on) => {
    const next = new Set(events);
    if (on) next.add(name);
    else next.delete(name);
    setEvents(next);
  };
  const save = (event) => {
    event.preventDefault();
    run(async () => {
      if (!all && !events.size) throw new Error(t('Choose at least one event.'));
      // What this form does not show stays as it is.
      const next = { ...webhook, url, events: all ? ['*'] : [...events] };
      next.hmac = secret ? { key: secret } : null;
      next.retries = attempts === '' ? webhook?.retries ?? null : { ...webhook?.retries, attempts: Number(attempts) };
      await onSave(next);
    });
  };
  return html`<form class="inner" onSubmit=${save}>
    <${Field} label=${t('Address of your program')} hint=${t('It gets each event as a POST with JSON.')}>
      ${(id, hint) => html`<input id=${id} aria-describedby=${hint} type="url" required placeholder="https://example.com/whatsapp" value=${url} onInput=${(event) => setUrl(event.target.value)} />`}
    <//>
    <${Field} label=${t('Secret')} hint=${t('Signs each request, so that your program can tell that it comes from here. A secret that is shown as ******** stays.')}>
      ${(id, hint) => html`<div class="together"><input id=${id} aria-describedby=${hint} autocomplete="off" spellcheck="false" value=${secret} onInput=${(event) => setSecret(event.target.value)} />
        <${Button} kind="second" onClick=${() => setSecret(randomId(24))}>${t('Make one')}<//></div>`}
    <//>
    <fieldset><legend>${t('Events')}</legend>
      <${Check} label=${t('All events')} checked=${all} onChange=${(event) => setAll(event.target.checked)} />
      ${all ? null : html`<div class="columns">${EVENTS.map(([title, names]) => html`<fieldset><legend>${t(title)}</legend>
        ${names.map((name) => html`<${Check} key=${name} label=${name} checked=${events.has(name)} onChange=${(event) => mark(name, event.target.checked)} />`)}</fieldset>`)}</div>`}
    </fieldset>
    <${Field} label=${t('Attempts before an event is given up')} hint=${t('Without a number: 15, in about 5 hours.')}>
      ${(id, hint) => html`<input id=${id} aria-describedby=${hint} type="number" min="1" max="1000" value=${attempts} onInput=${(event) => setAttempts(event.target.value)} />`}
    <//>
    <${Problem} error=${error} />
    <div class="actions"><button type="submit" disabled=${busy} aria-busy=${busy}>${t('Save')}</button><${Button} kind="second" onClick=${onCancel}>${t('Cancel')}<//></div>
  </form>`;
}
