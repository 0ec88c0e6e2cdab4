// Chats of a session: the list, and the one that is open.
import { get, path, query } from './api.js';
import { number, short } from './figures.js';
import { listen } from './live.js';
import { go, to } from './route.js';
import { Thread } from './thread.js';
import { Empty, Field, html, Problem, useEffect, useLoad, useState } from './ui.js';
import { t } from './words.js';

const STEP = 30;
/** What happens in chats. */
const EVENTS = ['message.any', 'message.ack', 'message.ack.group', 'message.reaction', 'message.edited', 'message.revoked'];
/** However much is written, the lists are read anew no more often. */
const PAUSE_MS = 500;

export function Chats({ session, rest }) {
  const [chatId] = rest;
  const [limit, setLimit] = useState(STEP);
  const turn = useTurn(session.name);
  const { data, error, loading } = useLoad((signal) => get(path`api/${session.name}/chats/overview` + query({ limit }), signal), [session.name, limit, turn]);
  const chosen = data?.find((chat) => chat.id === chatId);
  return html`<div class=${`chats ${chatId ? 'one' : ''}`}>
    <section class="card flush list" aria-labelledby="chats-title">
      <h2 class="sr" id="chats-title">${t('Chats')}</h2>
      <${NewChat} name=${session.name} />
      <${Problem} error=${error} />
      ${data && !data.length ? html`<${Empty}>${t('Nothing was written yet.')}<//>` : null}
      ${loading && !data ? html`<p class="empty" role="status">${t('Loading …')}</p>` : null}
      <ul>${(data ?? []).map((chat) => html`<${Chat} key=${chat.id} session=${session.name} chat=${chat} current=${chat.id === chatId} />`)}</ul>
      ${data?.length === limit ? html`<div class="actions"><button type="button" class="second" onClick=${() => setLimit(limit + STEP)}>${t('More chats')}</button></div>` : null}
    </section>
    ${chatId ? html`<${Thread} key=${chatId} session=${session} chatId=${chatId} title=${chosen?.name ?? number(chatId)} turn=${turn} />`
      : html`<section class="card thread-empty"><${Empty}>${t('Choose a chat.')}<//></section>`}
  </div>`;
}

/** A number that grows when something happened in this session's chats. */
function useTurn(session) {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let timer = 0;
    const onEvent = () => {
      timer ||= setTimeout(() => {
        timer = 0;
        setTurn((n) => n + 1);
      }, PAUSE_MS);
    };
    const stop = listen({ session, events: EVENTS, onEvent });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [session]);
  return turn;
}

function Chat({ session, chat, current }) {
  const last = chat.lastMessage?.id ? chat.lastMessage : null;
  const unread = chat._chat?.unreadCount ?? 0;
  const name = chat.name ?? number(chat.id);
  return html`<li><a class="chat" href=${to('s', session, 'chats', chat.id)} aria-current=${current ? 'true' : undefined}>
    <span class="face" aria-hidden="true">${(name.match(/[\p{L}\p{N}]/u)?.[0] ?? '#').toUpperCase()}</span>
    <span class="grow clip"><strong class="clip">${name}</strong>
      <span class="clip soft">${last ? `${last.fromMe ? `${t('You:')} ` : ''}${last.body || (last.hasMedia ? t('File') : t('Message'))}` : ''}</span></span>
    <span class="soft when">${short(last?.timestamp ?? chat._chat?.conversationTimestamp)}${unread ? html` <span class="dot" aria-label=${t('{n} unread', { n: unread })}>${unread}</span>` : null}</span>
  </a></li>`;
}

function NewChat({ name }) {
  const [to, setTo] = useState('');
  const open = (event) => {
    event.preventDefault();
    const text = to.trim();
    const id = text.includes('@') ? text : `${text.replace(/\D/g, '')}@c.us`;
    setTo('');
    go('s', name, 'chats', id);
  };
  return html`<form class="new-chat" onSubmit=${open}>
    <${Field} label=${t('Write to a number')}>
      ${(id) => html`<div class="together"><input id=${id} inputmode="tel" placeholder="628111222333" required pattern="[+0-9 ()\\-]{5,24}|\\S+@\\S+" value=${to} onInput=${(event) => setTo(event.target.value)} /><button type="submit" class="second">${t('Open')}</button></div>`}
    <//>
  </form>`;
}
