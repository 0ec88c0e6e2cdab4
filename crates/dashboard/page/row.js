// One session in the list: a line, with its QR code only when somebody asks for it.
import { ago, number } from './figures.js';
import { Linking } from './linking.js';
import { to } from './route.js';
import { isLinking, standing } from './sessions.js';
import { Badge, Button, html, useState } from './ui.js';
import { t } from './words.js';

/** What was seen that is no good sign, until something else is seen. */
const BAD_SIGNS = ['undecryptable', 'deaf', 'unacknowledged'];

export function Row({ session, incidents, evidence }) {
  const [shown, setShown] = useState(false);
  const [label, kind] = standing(session.status);
  const incident = incidents.find((one) => one.session === session.name);
  const linking = isLinking(session);
  return html`<li class="row">
    <div class="line">
      <a class="name" href=${to('s', session.name)}>${session.name}</a>
      <span class="who">${session.me ? [session.me.pushName, number(session.me.id)].filter(Boolean).join(' · ') : ''}</span>
      <${Badge} kind=${incident && kind === 'good' ? 'bad' : kind}>${t(label)}<//>
      <span class="told">${told(session, incident, evidence)}</span>
      ${linking ? html`<${Button} kind="second small" aria-expanded=${shown}
        onClick=${() => setShown(!shown)}>${shown ? t('Hide') : t('Show QR')}<span class="sr"> ${session.name}</span><//>` : null}
    </div>
    ${shown && linking ? html`<${Linking} session=${session} />` : null}
  </li>`;
}

function told(session, incident, evidence) {
  if (incident) return incident.summary ?? incident.kind;
  if (session.reason) return session.reason;
  if (session.status !== 'WORKING') return '';
  if (BAD_SIGNS.includes(evidence?.evidence)) return evidence.text;
  const heard = session.timestamps?.activity;
  return heard ? t('last heard {ago}', { ago: ago(heard) }) : '';
}
