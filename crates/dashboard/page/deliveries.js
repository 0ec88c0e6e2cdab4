// The last attempts to deliver events: what came of each, and when the next try is.
import { get, isMissing, path } from './api.js';
import { clock, span } from './figures.js';
import { Button, Empty, html, Problem, useLoad, useTick } from './ui.js';
import { Result } from './webhooks.js';
import { t } from './words.js';

export function Deliveries({ session, turn }) {
  const { data, error, reload } = useLoad((signal) => get(path`api/sessions/${session}/webhooks/deliveries?limit=50`, signal), [session, turn]);
  useTick(5_000);
  if (isMissing(error)) return null;
  return html`<section class="card" aria-labelledby="deliveries-title">
    <div class="bar"><h2 id="deliveries-title" class="grow">${t('Last deliveries')}</h2><${Button} kind="second small" onClick=${reload}>${t('Read again')}<//></div>
    <${Problem} error=${error} />
    ${data?.length ? html`<div class="scroll" tabindex="0" role="group" aria-labelledby="deliveries-title"><table>
      <thead><tr><th scope="col">${t('When')}</th><th scope="col">${t('Event')}</th><th scope="col">${t('To')}</th><th scope="col">${t('Result')}</th><th scope="col">${t('Why')}</th><th scope="col">${t('Next try')}</th></tr></thead>
      <tbody>${data.map((one) => html`<tr key=${`${one.eventId}-${one.subscription}-${one.attempt}-${one.timestamp}`}>
        <td>${clock(one.timestamp)}</td><td class="mono">${one.event}</td><td class="mono url">${one.url ?? (one.subscription.startsWith('*/') ? t('the gateway’s webhook') : t('another address'))}</td>
        <td><${Result} of=${one} /></td><td>${one.error ?? ''}</td>
        <td>${one.nextTry ? span(Math.round((one.nextTry - Date.now()) / 1000)) : one.outcome === 'dead' ? t('given up') : ''}</td></tr>`)}</tbody></table></div>`
      : data ? html`<${Empty}>${t('None since the gateway started.')}<//>` : null}
  </section>`;
}
