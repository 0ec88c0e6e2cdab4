// A session at a glance: what proves that it works, what it did last, and what to do first.
import { get, isMissing, path, post } from './api.js';
import { Evidence } from './evidence.js';
import { FirstSteps } from './first-steps.js';
import { ago, number, stamp } from './figures.js';
import { put, standing } from './sessions.js';
import { Button, html, Problem, useAction, useLoad } from './ui.js';
import { t } from './words.js';

export function Overview({ session, all, incidents }) {
  const since = session.statuses?.at(-1)?.timestamp;
  const health = useLoad((signal) => get(path`api/sessions/${session.name}/health`, signal, [503]), [session.name, session.status, incidents.length]);
  return html`
    ${session.status === 'WORKING' && session.me ? html`<${FirstSteps} session=${session} others=${[...all.sessions.values()]} />` : null}
    <section class="card" aria-labelledby="now-title">
      <h2 id="now-title">${t('Now')}</h2>
      <dl class="facts">
        <dt>${t('Status')}</dt><dd>${t(standing(session.status)[0])}${since ? html` <span class="soft">${t('since {moment}', { moment: stamp(since) })}</span>` : null}</dd>
        ${session.reason ? html`<dt>${t('Why')}</dt><dd>${session.reason}</dd>` : null}
        ${session.me ? html`<dt>${t('Account')}</dt><dd>${[session.me.pushName, number(session.me.id)].filter(Boolean).join(', ')}</dd>
          <dt>${t('Linked device')}</dt><dd class="mono">${session.me.jid}</dd>` : null}
        ${session.timestamps?.activity ? html`<dt>${t('Last active')}</dt><dd>${ago(session.timestamps.activity)}</dd>` : null}
        <dt>${t('Webhooks')}</dt><dd>${session.config?.webhooks?.length ?? 0}</dd>
      </dl>
      ${health.data ? html`<h3>${t('Evidence')}</h3><${Evidence} list=${health.data.evidence} />` : isMissing(health.error) ? null : html`<${Problem} error=${health.error} />`}
      <${Commands} session=${session} />
    </section>
    ${session.statuses?.length ? html`<section class="card" aria-labelledby="past-title"><h2 id="past-title">${t('Last changes')}</h2>
      <ul class="timeline">${session.statuses.toReversed().map((one) => html`<li><time>${stamp(one.timestamp)}</time> ${t(standing(one.status)[0])}</li>`)}</ul></section>` : null}`;
}

/** Start, stop and restart. */
export function Commands({ session }) {
  const { run, busy, error } = useAction();
  const does = (what) => () => run(async () => put(await post(path`api/sessions/${session.name}/${what}`)));
  return html`<div class="actions">
    ${session.status === 'STOPPED' ? html`<${Button} busy=${busy} onClick=${does('start')}>${t('Start')}<//>`
      : html`<${Button} kind="second" busy=${busy} onClick=${does('restart')}>${t('Restart')}<//>
        <${Button} kind="second" busy=${busy} onClick=${does('stop')}>${t('Stop')}<//>`}
    <${Problem} error=${error} />
  </div>`;
}
