// What went wrong with a session, what was done, and how it ended.
import { get, isMissing, path, query } from './api.js';
import { ago, stamp } from './figures.js';
import { Badge, Button, Empty, html, Problem, useLoad, useState } from './ui.js';
import { t } from './words.js';

export function Incidents({ session, changed }) {
  const { data, error } = useLoad((signal) => get('api/incidents' + query({ session, limit: 50 }), signal), [session, changed]);
  if (isMissing(error)) return null;
  return html`<section class="card" aria-labelledby="incidents-title"><h2 id="incidents-title">${t('Incidents')}</h2>
    <${Problem} error=${error} />
    ${data && !data.length ? html`<${Empty}>${t('None so far.')}<//>` : null}
    <ul class="plain-list" aria-live="polite">${(data ?? []).map((one) => html`<${Incident} key=${one.id} incident=${one} />`)}</ul>
  </section>`;
}

function Incident({ incident }) {
  const [shown, setShown] = useState(false);
  const over = incident.state === 'closed';
  return html`<li class="hook">
    <div class="grow"><p><${Badge} kind=${over ? 'good' : 'bad'}>${over ? incident.outcome ?? t('over') : t('not over')}<//> <strong>${incident.kind}</strong> <span class="soft" title=${stamp(incident.opened_ms)}>${ago(incident.opened_ms)}</span></p>
      <p>${incident.summary}</p>
      ${shown ? html`<${Steps} id=${incident.id} updated=${incident.updated_ms} />` : null}</div>
    <${Button} kind="second small" aria-expanded=${shown} onClick=${() => setShown(!shown)}>${shown ? t('Hide') : t('What was done')}<//>
  </li>`;
}

function Steps({ id, updated }) {
  const { data, error } = useLoad((signal) => get(path`api/incidents/${id}`, signal), [id, updated]);
  return html`<${Problem} error=${error} />
    <ol class="timeline">${(data?.steps ?? []).map((step, at) => html`<li key=${at}><time>${stamp(step.at_ms)}</time> ${step.text ?? step.step}</li>`)}</ol>`;
}
