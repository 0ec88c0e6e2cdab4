// Events that were given up: to look at, and to deliver again.
import { get, path, post } from './api.js';
import { ago } from './figures.js';
import { Button, Code, Empty, html, Problem, useAction, useLoad, useState } from './ui.js';
import { t } from './words.js';

export function DeadLetters({ session }) {
  const { data, error, reload } = useLoad((signal) => get(path`api/sessions/${session}/webhooks/dead-letters?limit=100`, signal), [session]);
  const action = useAction();
  const [done, setDone] = useState('');
  const replay = (which) => action.run(async () => {
    const { replayed } = await post(path`api/sessions/${session}/webhooks/dead-letters/replay`, which);
    setDone(t('{n} on the way again.', { n: replayed }));
    reload();
  });
  return html`<section class="card" aria-labelledby="dead-title">
    <div class="bar"><h2 id="dead-title" class="grow">${t('Dead letters')} ${data?.length ? html`<span class="dot">${data.length}${data.length === 100 ? '+' : ''}</span>` : null}</h2>
      <${Button} kind="second small" onClick=${reload}>${t('Read again')}<//>
      ${data?.length ? html`<${Button} kind="second small" busy=${action.busy} onClick=${() => replay({})}>${t('Deliver all again')}<//>` : null}</div>
    <p role="status">${done}</p>
    <${Problem} error=${error ?? action.error} />
    ${data && !data.length ? html`<${Empty}>${t('None: every event arrived, or is still tried.')}<//>` : null}
    <ul class="plain-list">${(data ?? []).map((letter) => html`<${Letter} key=${letter.id} letter=${letter} busy=${action.busy} onReplay=${() => replay({ eventId: letter.eventId, subscription: letter.subscription })} />`)}</ul>
  </section>`;
}

function Letter({ letter, busy, onReplay }) {
  const [shown, setShown] = useState(false);
  return html`<li class="hook">
    <div class="grow"><p><span class="mono">${letter.event}</span> · ${ago(letter.timestamp)}</p>
      <p class="soft">${t('{reason}; {n} attempts; given up {ago}', { reason: letter.reason, n: letter.attempts, ago: ago(letter.givenUp) })}</p>
      ${shown ? html`<${Code} text=${JSON.stringify(letter.body, null, 2)} label=${t('The body of the event')} />` : null}</div>
    <div class="actions">
      <${Button} kind="second small" aria-expanded=${shown} onClick=${() => setShown(!shown)}>${shown ? t('Hide') : t('Look')}<//>
      <${Button} kind="second small" busy=${busy} onClick=${onReplay}>${t('Deliver again')}<//>
    </div></li>`;
}
