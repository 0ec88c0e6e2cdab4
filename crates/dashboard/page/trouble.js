// What needs a person: sessions that failed, and incidents that are not over.
import { post, path } from './api.js';
import { ago } from './figures.js';
import { to } from './route.js';
import { put } from './sessions.js';
import { Button, html, Problem, useAction } from './ui.js';
import { t } from './words.js';

/** More are in the list, under the filter. */
const MOST = 5;

export function Trouble({ sessions, incidents }) {
  const failed = sessions.filter((session) => session.status === 'FAILED');
  const names = new Set(sessions.map((session) => session.name));
  const known = new Set(failed.map((session) => session.name));
  const others = incidents.filter((incident) => !known.has(incident.session));
  const total = failed.length + others.length;
  if (!total) return null;
  return html`<section class="trouble" aria-labelledby="trouble-title">
    <h2 id="trouble-title">${t('Needs you')}</h2>
    <ul>
      ${failed.slice(0, MOST).map((session) => html`<${Failed} key=${session.name} session=${session} />`)}
      ${others.slice(0, Math.max(0, MOST - failed.length)).map((incident) => html`<${Incident} key=${incident.id} incident=${incident} isHere=${names.has(incident.session)} />`)}
    </ul>
    ${total > MOST ? html`<p class="soft">${t('and {n} more in the list', { n: total - MOST })}</p>` : null}
  </section>`;
}

function Failed({ session }) {
  const { run, busy, error } = useAction();
  const since = session.statuses?.at(-1)?.timestamp;
  const restart = () => run(async () => put(await post(path`api/sessions/${session.name}/restart`)));
  return html`<li>
    <div class="grow"><a class="name" href=${to('s', session.name)}>${session.name}</a>
      <span>${session.reason ?? t('Failed')}</span> ${since ? html`<span class="soft">${ago(since)}</span>` : null}
      <${Problem} error=${error} /></div>
    <${Button} busy=${busy} onClick=${restart}>${t('Start again')}<//>
    <a class="button second" href=${to('s', session.name, 'health')}>${t('What happened?')}</a>
  </li>`;
}

/** A monitor beside the gateway tells of containers' sessions, too, which have no view here. */
function Incident({ incident, isHere }) {
  return html`<li>
    <div class="grow">${isHere ? html`<a class="name" href=${to('s', incident.session)}>${incident.session}</a>` : html`<strong>${incident.session}</strong>`}
      <span>${incident.summary ?? incident.kind}</span> <span class="soft">${ago(incident.opened_ms)}</span></div>
    ${isHere ? html`<a class="button second" href=${to('s', incident.session, 'health')}>${t('What happened?')}</a>` : null}
  </li>`;
}
