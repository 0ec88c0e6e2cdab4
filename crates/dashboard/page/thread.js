// The messages of one chat, and what is written next.
import { get, path, post, query } from './api.js';
import { Composer } from './composer.js';
import { Message } from './message.js';
import { to } from './route.js';
import { Button, Empty, html, Problem, useAction, useEffect, useLoad, useRef, useState } from './ui.js';
import { t } from './words.js';

const STEP = 40;

export function Thread({ session, chatId, title, turn }) {
  const [limit, setLimit] = useState(STEP);
  const [answering, setAnswering] = useState(null);
  const address = path`api/${session.name}/chats/${chatId}/messages` + query({ limit });
  const { data, error, loading, reload } = useLoad((signal) => get(address, signal), [address, turn]);
  const messages = [...(data ?? [])].reverse();
  const end = useRef(null);
  const newest = messages.at(-1)?.id;
  useEffect(() => {
    const box = end.current;
    const down = () => {
      box.scrollTop = box.scrollHeight;
    };
    down();
    // Pictures come later and push the newest message out of sight, until somebody scrolls.
    const grown = new ResizeObserver(down);
    grown.observe(box.firstElementChild);
    const stop = () => grown.disconnect();
    for (const event of ['wheel', 'touchmove', 'keydown']) box.addEventListener(event, stop, { once: true, passive: true });
    return stop;
  }, [newest]);
  const seen = useAction();
  return html`<section class="card flush thread" aria-labelledby="thread-title">
    <div class="thread-head"><a class="back" href=${to('s', session.name, 'chats')} aria-label=${t('All chats')}>‹</a>
      <div class="grow clip"><h2 id="thread-title" class="clip">${title}</h2><small class="soft">${chatId}</small></div>
      <${Button} kind="second small" busy=${seen.busy} onClick=${() => seen.run(() => post('api/sendSeen', { session: session.name, chatId }))}>${t('Mark as read')}<//></div>
    <${Problem} error=${seen.error} />
    <div class="messages" ref=${end} tabindex="0" role="log" aria-label=${t('Messages')}><div>
      <${Problem} error=${error} />
      ${data?.length === limit && limit < 1000 ? html`<${Button} kind="second small" onClick=${() => setLimit(Math.min(1000, limit + STEP))}>${t('Earlier messages')}<//>` : null}
      ${data && !data.length ? html`<${Empty}>${t('Nothing was written yet.')}<//>` : null}
      ${loading && !data ? html`<p class="empty" role="status">${t('Loading …')}</p>` : null}
      ${messages.map((message) => html`<${Message} key=${message.id} message=${message} session=${session.name} onAnswer=${() => setAnswering(message)} />`)}
    </div></div>
    <${Composer} session=${session} chatId=${chatId} answering=${answering} onAnswered=${() => setAnswering(null)} onSent=${reload} />
  </section>`;
}
