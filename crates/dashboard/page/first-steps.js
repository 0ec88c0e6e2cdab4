// After a number was linked: a first message, a webhook with a test event, a first backup.
import { get, isMissing, path, post, randomId } from './api.js';
import { number } from './figures.js';
import { to } from './route.js';
import { Badge, Button, html, Problem, useAction, useLoad, useState } from './ui.js';
import { t } from './words.js';

/** Whoever is done with it does not see it again in this browser. */
const HIDDEN = 'wakeeper-steps-hidden-';

export function FirstSteps({ session, others }) {
  const { me } = session;
  const [hidden, setHidden] = useState(localStorage.getItem(HIDDEN + session.name) === 'yes');
  const twins = others.filter((other) => other.name !== session.name && other.me?.id === me.id);
  const backups = useLoad((signal) => get(path`api/sessions/${session.name}/backups`, signal), [session.name]);
  const hide = () => {
    localStorage.setItem(HIDDEN + session.name, 'yes');
    setHidden(true);
  };
  if (hidden) return null;
  return html`<section class="card" aria-labelledby="linked-title">
    <h2 id="linked-title">${t('Linked as {name}', { name: [me.pushName, number(me.id)].filter(Boolean).join(', ') })}</h2>
    ${twins.length ? html`<p class="note">${t('This number is linked twice: {names} has it, too. Each takes a place among the phone’s linked devices, and each gets every message.', { names: twins.map((one) => one.name).join(', ') })}</p>` : null}
    <ol class="steps">
      <${Step} text=${t('Send yourself a message')} hint=${t('It appears on your phone in the chat with yourself.')} action=${t('Send it')} done=${t('Sent')}
        work=${() => post('api/sendText', { session: session.name, chatId: me.id, text: t('Hello from wakeeper: this number works.') }, { 'idempotency-key': randomId() })} />
      <li><div class="grow">${t('Add a webhook and send a test event')}<small>${t('So that your program hears of messages.')}</small></div>
        ${session.config?.webhooks?.length ? html`<${Badge} kind="good">${t('There is one')}<//>` : null}
        <a class="button second" href=${to('s', session.name, 'webhooks')}>${t('Webhooks')}</a></li>
      ${isMissing(backups.error) ? null : backups.data?.length ? html`<li><div class="grow">${t('Make the first backup')}</div><${Badge} kind="good">${t('Made')}<//></li>`
        : html`<${Step} text=${t('Make the first backup')} hint=${t('Then a lost disk needs no new scan.')} action=${t('Make it')} done=${t('Made')}
          work=${async () => { await post(path`api/sessions/${session.name}/backups`); backups.reload(); }} />`}
    </ol>
    <div class="actions"><${Button} kind="plain" onClick=${hide}>${t('Do not show this again')}<//></div>
  </section>`;
}

function Step({ text, hint, action, done, work }) {
  const [isDone, setDone] = useState(false);
  const { run, busy, error } = useAction();
  return html`<li><div class="grow">${text}<small>${hint}</small><${Problem} error=${error} /></div>
    ${isDone ? html`<span role="status"><${Badge} kind="good">${done}<//></span>` : html`<${Button} kind="second" busy=${busy} onClick=${() => run(async () => { await work(); setDone(true); })}>${action}<//>`}
  </li>`;
}
