// One message: who, what, its file, what it answers, and how far it got.
import { number, short, stamp } from './figures.js';
import { Media } from './media.js';
import { Button, html } from './ui.js';
import { t, w } from './words.js';

/** What a sent message's ticks look like, and what they say. */
const TICKS = {
  '-1': ['✗', w('refused'), 'bad'],
  0: ['◷', w('on its way'), ''],
  1: ['✓', w('at the server'), ''],
  2: ['✓✓', w('delivered'), ''],
  3: ['✓✓', w('read'), 'read'],
  4: ['✓✓', w('played'), 'read'],
};

export function Message({ message, session, onAnswer }) {
  const { fromMe, body, hasMedia, media, replyTo, location, vCards } = message;
  return html`<article class=${`message ${fromMe ? 'own' : ''}`}>
    ${message.participant && !fromMe ? html`<p class="sender">${number(message.participant)}</p>` : null}
    ${replyTo ? html`<blockquote>${replyTo.participant ? html`<small>${number(replyTo.participant)}</small>` : null}${replyTo.body || t('Message')}</blockquote>` : null}
    ${message.revoked ? html`<p class="soft"><em>${t('This message was deleted.')}</em></p>` : null}
    ${hasMedia && media ? html`<${Media} media=${media} session=${session} />` : null}
    ${location ? html`<p>${t('Place')}: ${[location.description, location.latitude, location.longitude].filter(Boolean).join(', ')}</p>` : null}
    ${vCards?.length ? html`<p>${t('Contact card')}: ${vCards.map((card) => /^FN:(.*)$/m.exec(card)?.[1] ?? '').join(', ')}</p>` : null}
    ${body ? html`<p class="body">${body}</p>` : null}
    <p class="meta">
      <${Button} kind="plain" onClick=${onAnswer}>${t('Reply')}<//>
      ${message.edited ? html`<span>${t('edited')}</span>` : null}
      <time title=${stamp(message.timestamp)}>${short(message.timestamp)}</time>
      ${fromMe ? html`<${Ticks} ack=${message.ack} />` : null}
    </p>
  </article>`;
}

function Ticks({ ack }) {
  const [mark, text, kind] = TICKS[ack] ?? TICKS[0];
  return html`<span class=${`ticks ${kind}`} role="img" aria-label=${t(text)} title=${t(text)}>${mark}</span>`;
}
