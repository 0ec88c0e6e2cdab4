// A session's webhooks: where its events go, whether they arrive, and what was given up.
import { path, post, put as change } from './api.js';
import { DeadLetters } from './dead-letters.js';
import { Deliveries } from './deliveries.js';
import { put } from './sessions.js';
import { Verifying } from './verifying.js';
import { Badge, Button, Confirm, Empty, html, Problem, useAction, useState } from './ui.js';
import { WebhookForm } from './webhook-form.js';
import { t } from './words.js';

export function Webhooks({ session }) {
  const webhooks = session.config?.webhooks ?? [];
  const [edited, setEdited] = useState(null);
  const [turn, setTurn] = useState(0);
  const save = async (list) => {
    const config = { ...session.config, webhooks: list };
    put(await change(path`api/sessions/${session.name}`, { config }));
  };
  const keep = async (webhook) => {
    const list = [...webhooks];
    if (edited === 'new') list.push(webhook);
    else list[edited] = webhook;
    await save(list);
    setEdited(null);
  };
  return html`
    <section class="card" aria-labelledby="hooks-title">
      <div class="bar"><h2 id="hooks-title" class="grow">${t('Webhooks of this session')}</h2>
        ${edited === 'new' ? null : html`<${Button} onClick=${() => setEdited('new')}>${t('Add a webhook')}<//>`}</div>
      ${edited === 'new' ? html`<${WebhookForm} onSave=${keep} onCancel=${() => setEdited(null)} />` : null}
      ${webhooks.length ? null : html`<${Empty}>${t('None yet. A webhook of the gateway’s settings hears of every session, besides.')}<//>`}
      <ul class="plain-list">${webhooks.map((webhook, at) => (edited === at
        ? html`<li key=${`edit-${at}`}><${WebhookForm} webhook=${webhook} onSave=${keep} onCancel=${() => setEdited(null)} /></li>`
        : html`<${Webhook} key=${`${webhook.url}-${at}`} session=${session.name} webhook=${webhook} onTested=${() => setTurn(turn + 1)}
            onEdit=${() => setEdited(at)} onRemove=${() => save(webhooks.filter((_, other) => other !== at))} />`))}</ul>
    </section>
    <${Deliveries} session=${session.name} turn=${turn} />
    <${DeadLetters} session=${session.name} />
    <${Verifying} />`;
}

function Webhook({ session, webhook, onTested, onEdit, onRemove }) {
  const { run, busy, error } = useAction();
  const [result, setResult] = useState(null);
  const [asked, setAsked] = useState(false);
  const test = () => run(async () => {
    setResult(null);
    setResult(await post(path`api/sessions/${session}/webhooks/test`, { url: webhook.url }));
    onTested();
  });
  return html`<li class="hook">
    <div class="grow"><p class="mono url">${webhook.url}</p>
      <p class="soft">${webhook.events.includes('*') ? t('all events') : webhook.events.join(', ')} · ${webhook.hmac?.key ? t('signed') : t('not signed')}</p>
      ${result ? html`<p role="status"><${Result} of=${result} /></p>` : null}
      <${Problem} error=${error} /></div>
    <div class="actions">
      <${Button} kind="second" busy=${busy} onClick=${test}>${t('Send test event')}<//>
      <${Button} kind="second" onClick=${onEdit}>${t('Change')}<//>
      <${Button} kind="danger" onClick=${() => setAsked(true)}>${t('Remove')}<//>
    </div>
    ${asked ? html`<${Confirm} title=${t('Remove this webhook?')} text=${t('Events that still wait for it are given up.')} action=${t('Remove')} onYes=${onRemove} onClose=${() => setAsked(false)} />` : null}
  </li>`;
}

/** What one attempt came to. */
export function Result({ of }) {
  const fine = of.status >= 200 && of.status < 300 && !of.error;
  const text = of.status ? t('answered {status} in {n} ms', { status: of.status, n: of.milliseconds }) : of.error ?? t('failed');
  return html`<${Badge} kind=${fine ? 'good' : 'bad'}>${text}<//>`;
}
