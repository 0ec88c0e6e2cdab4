// Whether a session works, on which evidence; what is wrong, its repair, and what happened before.
import { get, isMissing, path } from './api.js';
import { Evidence } from './evidence.js';
import { ago, count, number, stamp } from './figures.js';
import { Incidents } from './incidents.js';
import { Repair } from './repair.js';
import { Badge, Button, Empty, html, Problem, useAction, useLoad, useState, useTick } from './ui.js';
import { t } from './words.js';

export function Health({ session, all, incidents }) {
  const evidence = all.evidence.get(session.name);
  const address = path`api/sessions/${session.name}/health`;
  const health = useLoad((signal) => get(address, signal, [503]), [session.name, session.status, incidents.length, evidence]);
  const examining = useAction();
  // A request of its own, which no event ends early: the gateway goes on with the examination and refuses a second one meanwhile.
  const examine = () => examining.run(async () => {
    await get(`${address}?examine=true`, undefined, [503]);
    health.reload();
  });
  const [repairing, setRepairing] = useState(false);
  const missing = isMissing(health.error);
  return html`
    <section class="card" aria-labelledby="health-title">
      <div class="bar"><h2 id="health-title" class="grow">${t('Health')}</h2>
        ${missing ? null : html`<${Button} kind="second" busy=${examining.busy} onClick=${examine}>${t('Examine again')}<//><${Button} onClick=${() => setRepairing(true)}>${t('Repair …')}<//>`}</div>
      ${missing ? html`<${Empty}>${t('This gateway does not tell the health of a session.')}<//>` : html`<${Problem} error=${examining.error ?? health.error} />`}
      ${health.data ? html`<${Found} health=${health.data} />` : null}
    </section>
    ${repairing ? html`<${Repair} session=${session.name} onClose=${() => { setRepairing(false); health.reload(); }} />` : null}
    <${Incidents} session=${session.name} changed=${all.incidents} />`;
}

function Found({ health }) {
  const { connection, webhooks } = health;
  return html`
    <p><${Badge} kind=${health.healthy ? 'good' : 'bad'}>${health.healthy ? t('Healthy') : t('Not healthy')}<//> ${health.reason ?? ''}</p>
    ${health.hint ? html`<p class="note">${health.hint}</p>` : null}
    <h3>${t('Evidence')}</h3><${Evidence} list=${health.evidence} />
    <dl class="facts">
      ${connection ? html`<dt>${t('Connection')}</dt><dd>${t('{n} attempts', { n: count(connection.attempts ?? 0) })}${connection.last_end ? html` · ${t('ended last: {text}', { text: connection.last_end })}` : null}</dd>` : null}
      <dt>${t('Messages that could not be read')}</dt><dd>${t('{n} waiting', { n: count(health.undecryptable?.waiting ?? 0) })}
        ${health.undecryptable?.waiting ? html`<${Unreadable} session=${health.session} />` : null}</dd>
      <dt>${t('Sends under way')}</dt><dd>${count(health.sends_under_way ?? 0)}</dd>
      ${webhooks ? html`<dt>${t('Webhooks')}</dt><dd>${t('{n} waiting, {m} dead letters', { n: count(webhooks.waiting ?? 0), m: count(webhooks.dead_letters ?? 0) })}
        ${(webhooks.failing ?? []).map((one) => html`<p class="problem">${one.url}: ${one.reason} · ${t('since {moment}', { moment: stamp(one.since) })}${one.next_try ? ` · ${t('next try {moment}', { moment: stamp(one.next_try) })}` : ''}</p>`)}</dd>` : null}
    </dl>
    <h3>${t('Findings')}</h3><${Examined} at=${health.examined_at} />
    ${health.findings?.length ? html`<ul class="plain-list">${health.findings.map((one, at) => html`<li key=${at} class="finding">
        <${Badge} kind=${{ error: 'bad', warning: 'wait' }[one.severity] ?? 'off'}>${severity(one.severity)}<//>
        <div class="grow"><p><span class="mono">${one.code}</span>${one.subject ? ` · ${one.subject}` : ''}</p><p>${one.evidence}</p>${one.repair ? html`<p class="soft">${t('Repair')}: ${one.repair}</p>` : null}</div></li>`)}</ul>`
      : health.examined_at ? html`<${Empty}>${health.healthy ? t('Nothing is wrong.') : t('Nothing was found in the stored state.')}<//>` : null}`;
}

/** How old the findings are. */
function Examined({ at }) {
  useTick(5_000);
  if (!at) return html`<${Empty}>${t('Not examined yet.')}<//>`;
  return html`<p class="soft" title=${stamp(at)}>${t('Examined {ago}.', { ago: ago(at) })}</p>`;
}

/** Messages that could not be read, and wait to arrive again. */
function Unreadable({ session }) {
  const { data } = useLoad((signal) => get(path`api/sessions/${session}/undecryptable?limit=20`, signal), [session]);
  return html`<ul class="soft">${(data ?? []).map((one) => html`<li key=${one.id}>${number(one.sender)} · ${t('{n} attempts', { n: one.times })} · ${ago(one.last_at)}</li>`)}</ul>`;
}

function severity(name) {
  return { error: t('error'), warning: t('warning'), info: t('note') }[name] ?? name;
}

