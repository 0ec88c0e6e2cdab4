// One session: its head and its tabs.
import { Backups } from './backups.js';
import { Chats } from './chats.js';
import { number } from './figures.js';
import { Health } from './health.js';
import { Linking } from './linking.js';
import { Log } from './log.js';
import { Overview } from './overview.js';
import { to } from './route.js';
import { isLinking, open, refreshOne, standing, state } from './sessions.js';
import { Settings } from './settings.js';
import { Badge, Empty, html, useEffect, useValue } from './ui.js';
import { Webhooks } from './webhooks.js';
import { t, w } from './words.js';

const TABS = {
  '': [w('Overview'), Overview],
  chats: [w('Chats'), Chats],
  webhooks: [w('Webhooks'), Webhooks],
  health: [w('Health'), Health],
  backups: [w('Backups'), Backups],
  log: [w('Log'), Log],
  settings: [w('Settings'), Settings],
};

export function Session({ name, tab, rest }) {
  const all = useValue(state);
  const session = all.sessions.get(name);
  useEffect(() => {
    refreshOne(name);
  }, [name]);
  if (!session) return html`<div class="card"><h1>${name}</h1><${Empty}>${t('There is no session of that name.')}<//><a href=${to()}>${t('All sessions')}</a></div>`;
  const incidents = open(all).filter((incident) => incident.session === name);
  const [label, kind] = standing(session.status);
  const [, Tab] = TABS[tab] ?? TABS[''];
  return html`
    <div class="head">
      <div class="grow"><p class="soft crumbs"><a href=${to()}>${t('Sessions')}</a></p>
        <h1>${name}</h1>
        <p class="soft">${session.me ? [session.me.pushName, number(session.me.id)].filter(Boolean).join(' · ') : t('not linked')}</p></div>
      <${Badge} kind=${kind}>${t(label)}<//>
    </div>
    ${session.status === 'FAILED' && session.reason ? html`<p class="problem">${session.reason}</p>` : null}
    ${isLinking(session) ? html`<section class="card" aria-labelledby="link-title"><h2 id="link-title">${t('Link your number')}</h2><${Linking} session=${session} /></section>` : null}
    <nav class="tabs" aria-label=${t('About this session')}>
      ${Object.entries(TABS).map(([key, [text]]) => html`<a href=${key ? to('s', name, key) : to('s', name)} aria-current=${key === tab ? 'page' : undefined}>
        ${t(text)}${key === 'health' && incidents.length ? html` <span class="dot" title=${t('incidents')}>${incidents.length}</span>` : null}</a>`)}
    </nav>
    <${Tab} session=${session} all=${all} rest=${rest} incidents=${incidents} />`;
}
